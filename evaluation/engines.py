"""Three ways to the same predictions: our net (torch), the compiled network (openvino), the original (caffe).

The compiled network runs on the CPU, or on another device of the runner.

Libraries are imported by the engine that needs them, because the command line loads the table of engines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import MokaError, UsageError
from common.helper import Helper, HelperError
from common.messages import COMPILE_AGAIN, last_line, shape_text
from common.places import require_toolchain

from .errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from caffe_io.blobs import Array
    from common.card import ModelCard
    from training.nets.net import Net

    from .classifier import Classifier

    Found = tuple[Array, Array]
    """Of one question: records x classes probabilities, and the labels of the records."""
    Engine = Callable[[Classifier, Path, Path, Path, str], list[Found]]
    """(classifier, train_test prototxt, caffemodel, IR, looks) -> what was found for each question."""

PYCAFFE_WORKER = Path(__file__).with_name("pycaffe_worker.py")
BATCHES_AT_ONCE = 8
"""So many batches a device is given at a time: enough to keep all cores busy."""
SECONDS_TO_LOAD = 300.0
SECONDS_FOR_A_BATCH = 600.0
# glog prints a stack trace after the message that matters.
HARMLESS = ("    @ ", "*** Check failure stack trace", "*** Aborted at", "PC: @")


def torch_engine(classifier: Classifier, model: Path, weights: Path, ir: Path, looks: str = "centre") -> list[Found]:
    """Run our own net."""
    import torch

    from .torch_looks import shown

    net = _our_net(classifier, model)
    net.load_all(weights)
    scores: list[list[Array]] = [[] for _ in classifier.questions]
    labels: list[list[Array]] = [[] for _ in classifier.questions]
    keep = {blob for question in classifier.questions for blob in (question.scores, question.label)}
    with torch.inference_mode():
        for feeds in shown(net, classifier, looks):
            for number, feed in enumerate(feeds):
                net.forward(feed, keep=keep)
                for i, question in enumerate(classifier.questions):
                    found: Array = (net.blobs[question.scores].flatten(1).softmax(1) / len(feeds)).numpy()
                    if number == 0:
                        scores[i].append(found)
                        labels[i].append(net.blobs[question.label].reshape(-1).numpy())
                    else:
                        scores[i][-1] = scores[i][-1] + found
    net.close()
    return [_each_record_once(classifier, *each) for each in zip(scores, labels, strict=True)]


def openvino_engine(
    classifier: Classifier, model: Path, weights: Path, ir: Path, looks: str = "centre", device_name: str = "CPU"
) -> list[Found]:
    """Run the compiled network as the runner does: raw bytes go in, mean and scale are inside. A CPU computes in f32."""
    import numpy as np

    from inference.devices import open_device

    from .agreement import check_agreement
    from .records import read_looks

    # A stick, and what computes in its place, need no IR.
    if not (ir.exists() or ir.with_suffix(".json").exists()):
        raise EngineError(f"{ir}: not there. Compile the net first: ./compile2Movidius.sh")
    card = _model_card(ir)
    if card.path.exists():
        check_agreement(card, classifier.transform)
    blobs = [question.output.blob for question in classifier.questions]
    batch_size, *shape = card.input.shape
    device = open_device(device_name, [card])
    waiting: list[NDArray[np.uint8]] = []
    scores: dict[str, list[Array]] = {blob: [] for blob in blobs}
    labels = []
    count = 0

    def run() -> None:
        # A batch that is not full is filled up with its first picture.
        empty = -len(waiting) % batch_size
        tensors = np.stack(waiting + waiting[:1] * empty).reshape(-1, batch_size, *shape)
        if card.input.channels_reversed:
            # It reverses them once more; records are in the order of training.
            tensors = np.ascontiguousarray(tensors[:, :, ::-1])
        found = device.infer_many(card, list(tensors))
        for blob in blobs:
            rows = np.concatenate([_scores(values, blob, batch_size, ir) for values in found])
            scores[blob].append(rows[: len(waiting)])
        waiting.clear()

    try:
        for pictures, label in read_looks(classifier, looks):
            count = len(pictures)
            labels.append(label)
            for picture in pictures:
                if list(picture.shape) != shape:
                    raise EngineError(
                        f"{ir}: takes {shape_text(shape)} (channels x height x width), but {model} shows its net "
                        f"{shape_text(picture.shape)} of {classifier.source}. Give the IR that was compiled from this net."
                    )
                waiting.append(picture)
                if len(waiting) == batch_size * BATCHES_AT_ONCE:
                    run()
        if waiting:
            run()
    except RuntimeError as error:
        raise EngineError(
            f"{ir}: OpenVINO cannot run it on the records of {classifier.source}: {last_line(error)}. {COMPILE_AGAIN}"
        ) from error
    finally:
        device.close()
    means = {blob: np.concatenate(found).reshape(len(labels), count, -1).mean(1) for blob, found in scores.items()}
    if classifier.own_labels:
        return [(means[blob], np.array(labels, np.float32)) for blob in blobs]
    return [(means[blob], found) for blob, found in zip(blobs, _read_labels(classifier, model), strict=True)]


def _scores(values: Mapping[str, NDArray[np.float32]], blob: str, batch_size: int, ir: Path) -> Array:
    """Return one row of scores for each picture of a batch."""
    if blob not in values:
        raise EngineError(f'{ir}: has no output "{blob}", only {", ".join(sorted(values))}. Give the net\'s own card.')
    found = values[blob]
    if batch_size > 1 and found.shape[:1] != (batch_size,):
        raise EngineError(
            f'{ir}: its output "{blob}" is {shape_text(found.shape)}; expected a row for each of {batch_size} pictures.'
        )
    return found.reshape(batch_size, -1)


def caffe_engine(classifier: Classifier, model: Path, weights: Path, ir: Path, looks: str = "centre") -> list[Found]:
    """Run the tool chain's Caffe, through its Python interface, on the same prototxt and LMDB."""
    import numpy as np

    if looks != "centre":
        raise UsageError(f"--engine caffe reads its pictures itself, at the centre; leave out --looks {looks}.")
    python = require_toolchain("caffe", "python", EngineError)
    _refuse_incomplete(classifier, model, weights)
    blobs = sorted({blob for question in classifier.questions for blob in (question.scores, question.label)})
    found: dict[str, list[Array]] = {blob: [] for blob in blobs}
    try:
        with Helper("Caffe", python, PYCAFFE_WORKER, HARMLESS) as helper:
            state = {
                "phase": classifier.state.phase,
                "level": classifier.state.level,
                "stages": [*classifier.state.stage],
            }
            helper.call("load", {"model": str(model), "weights": str(weights), **state}, seconds=SECONDS_TO_LOAD)
            for _ in range(_batches(classifier)):
                arrays = helper.call("forward", {"blobs": blobs}, seconds=SECONDS_FOR_A_BATCH).arrays
                for blob in blobs:
                    found[blob].append(np.asarray(arrays[blob]))
    except HelperError as error:
        raise EngineError(f"{model}: {error}") from error
    return [
        _each_record_once(
            classifier,
            [_softmax(scores.reshape(len(scores), -1)) for scores in found[question.scores]],
            [labels.reshape(-1) for labels in found[question.label]],
        )
        for question in classifier.questions
    ]


ENGINES: dict[str, Engine] = {"torch": torch_engine, "openvino": openvino_engine, "caffe": caffe_engine}


def _our_net(classifier: Classifier, model: Path, only: Collection[str] = ()) -> Net:
    """Make our net; with `only`, of the layers that make these blobs."""
    import torch

    from caffe_io.net_state import filter_net
    from caffe_io.prototxt import read_net
    from training.nets.net import Net
    from training.threads import leave_busy_processors

    leave_busy_processors(torch.device("cpu"))
    state = classifier.state
    net = read_net(model)
    if only:
        net = filter_net(net, state.phase, state.level, tuple(state.stage))
        needed_blobs = set(only)
        kept = []
        for layer in reversed(net.layer):
            if needed_blobs & set(layer.top):
                needed_blobs.update(layer.bottom)
                kept.append(layer)
        del net.layer[:]
        net.layer.extend(reversed(kept))
    return Net(net, state.phase, str(model), level=state.level, stages=tuple(state.stage))


def _read_labels(classifier: Classifier, model: Path) -> list[Array]:
    """Return the labels of each question, by running the layers of our net that make them."""
    net = _our_net(classifier, model, only={question.label for question in classifier.questions})
    labels: list[list[Array]] = [[] for _ in classifier.questions]
    for _ in range(_batches(classifier)):
        net.forward()
        for i, question in enumerate(classifier.questions):
            labels[i].append(net.blobs[question.label].reshape(-1).numpy())
    net.close()
    return [_each_record_once(classifier, found, found)[1] for found in labels]


def _refuse_incomplete(classifier: Classifier, model: Path, weights: Path) -> None:
    """Raise WeightsError for weights that lack a layer, which Caffe would fill at random without a word."""
    try:
        net = _our_net(classifier, model)
    except MokaError:
        # Caffe may have layers that we lack, and it says itself what is wrong with a net.
        return
    try:
        net.load_all(weights)
    finally:
        net.close()


def _model_card(ir: Path) -> ModelCard:
    """Read the card beside an IR; without one, describe the network as OpenVINO finds it."""
    from common.card import IrEntry, MeanEntry, SourceEntry, complete, describe_input, plain_card, read_card
    from ncs.outputs import model_outputs

    beside = ir.parent / f"{ir.stem}.json"
    if beside.exists():
        return read_card(beside)
    import openvino

    try:
        model = openvino.Core().read_model(ir)
        shapes = {port.any_name: tuple(port.shape) for port in model.inputs}
        outputs = model_outputs(model, next(iter(shapes.values()))[0] if shapes else 1)
    except RuntimeError as error:
        raise EngineError(f"{ir}: OpenVINO cannot read it: {last_line(error)}. {COMPILE_AGAIN}") from error
    if len(shapes) != 1:
        raise EngineError(f"{ir}: takes {len(shapes)} inputs, expected one. Give the IR of a classifier.")
    inputs = [describe_input(blob, shape, str(ir)) for blob, shape in shapes.items()]
    channels = inputs[0].shape[1] if inputs[0].is_picture else 0
    card = complete(
        plain_card(ir.stem, channels, outputs.shapes, outputs.softmax, outputs.detections),
        str(ir),
        inputs,
        MeanEntry(inside=True, kind="none", sha256=None),
        SourceEntry(),
        IrEntry(xml=ir.name, bin=ir.with_suffix(".bin").name),
        None,
    )
    return card.at(beside)


def _softmax(scores: Array) -> Array:
    import numpy as np

    powers: Array = np.exp(scores - scores.max(1, keepdims=True))
    shares: Array = powers / powers.sum(1, keepdims=True)
    return shares


def _batches(classifier: Classifier) -> int:
    return math.ceil(classifier.records / classifier.batch_size)


def _each_record_once(classifier: Classifier, scores: Sequence[Array], labels: Sequence[Array]) -> tuple[Array, Array]:
    """Join the batches. The last one continues with the first records, which are cut off."""
    import numpy as np

    return np.concatenate(scores)[: classifier.records], np.concatenate(labels)[: classifier.records]
