"""Three ways to the same predictions: our net (torch), the compiled network (openvino), the original (caffe).

Libraries are imported by the engine that needs them, because the command line loads the table of engines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import MokaError
from common.helper import Helper, HelperError
from common.messages import last_line, shape_text
from common.places import require_toolchain

from .errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from caffe_io.blobs import Array
    from common.card import ModelCard
    from training.nets.net import Net

    from .classifier import Classifier

    Engine = Callable[[Classifier, Path, Path, Path], tuple[Array, Array]]
    """(classifier, train_test prototxt, caffemodel, IR) -> records x classes probabilities, the labels of the records."""

PYCAFFE_WORKER = Path(__file__).with_name("pycaffe_worker.py")
SECONDS_TO_LOAD = 300.0
SECONDS_FOR_A_BATCH = 600.0
_AGAIN = "Compile the net again: ./compile2Movidius.sh --force"
# glog prints a stack trace after the message that matters.
HARMLESS = ("    @ ", "*** Check failure stack trace", "*** Aborted at", "PC: @")


def torch_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """Run our own net."""
    import torch

    net = _our_net(classifier, model)
    net.load_all(weights)
    scores = []
    labels = []
    with torch.inference_mode():
        for _ in range(_batches(classifier)):
            net.forward(keep=(classifier.scores, classifier.label))
            scores.append(net.blobs[classifier.scores].softmax(1).numpy())
            labels.append(net.blobs[classifier.label].numpy())
    net.close()
    return _each_record_once(classifier, scores, labels)


def openvino_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """Run the compiled network on the CPU, in f32, as the runner does: raw bytes go in, mean and scale are inside."""
    import numpy as np

    from inference.devices import open_device

    from .agreement import check_agreement
    from .records import read_pictures

    if not ir.exists():
        raise EngineError(f"{ir}: not there. Compile the net first: ./compile2Movidius.sh")
    card = _model_card(ir)
    if card.path.exists():
        check_agreement(card, classifier.transform)
    blob = classifier.classification.blob
    batch_size, *shape = card.input.shape
    device = open_device("CPU", [card])
    batch: list[NDArray[np.uint8]] = []
    scores = []
    labels = []
    try:
        for picture, label in read_pictures(classifier):
            if list(picture.shape) != shape:
                raise EngineError(
                    f"{ir}: takes {shape_text(shape)} (channels x height x width), but {model} shows its net "
                    f"{shape_text(picture.shape)} of {classifier.source}. Give the IR that was compiled from this net."
                )
            batch.append(picture)
            labels.append(label)
            if len(batch) == batch_size or len(labels) == classifier.records:
                # The last batch is filled up with its first picture.
                full = np.stack(batch + batch[:1] * (batch_size - len(batch)))
                if card.input.channels_reversed:
                    # It reverses them once more; records are in the order of training.
                    full = np.ascontiguousarray(full[:, ::-1])
                scores.append(_scores(device.infer(card, full), blob, batch_size, ir)[: len(batch)])
                batch.clear()
    except RuntimeError as error:
        raise EngineError(
            f"{ir}: OpenVINO cannot run it on the records of {classifier.source}: {last_line(error)}. {_AGAIN}"
        ) from error
    finally:
        device.close()
    return np.concatenate(scores), np.array(labels, np.float32)


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


def caffe_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """Run the tool chain's Caffe, through its Python interface, on the same prototxt and LMDB."""
    import numpy as np

    python = require_toolchain("caffe", "python", EngineError)
    _refuse_incomplete(classifier, model, weights)
    blobs = [classifier.scores, classifier.label]
    scores = []
    labels = []
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
                scores.append(_softmax(np.asarray(arrays[classifier.scores])))
                labels.append(np.asarray(arrays[classifier.label]))
    except HelperError as error:
        raise EngineError(f"{model}: {error}") from error
    return _each_record_once(classifier, scores, labels)


ENGINES: dict[str, Engine] = {"torch": torch_engine, "openvino": openvino_engine, "caffe": caffe_engine}


def _our_net(classifier: Classifier, model: Path) -> Net:
    from caffe_io.prototxt import read_net
    from training.nets.net import Net

    state = classifier.state
    return Net(read_net(model), state.phase, str(model), level=state.level, stages=tuple(state.stage))


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
    from ncs.outputs import output_shapes, softmax_outputs

    beside = ir.parent / f"{ir.stem}.json"
    if beside.exists():
        return read_card(beside)
    import openvino

    try:
        model = openvino.Core().read_model(ir)
        shapes = {port.any_name: tuple(port.shape) for port in model.inputs}
        outputs = output_shapes(model, next(iter(shapes.values()))[0] if shapes else 1)
    except RuntimeError as error:
        raise EngineError(f"{ir}: OpenVINO cannot read it: {last_line(error)}. {_AGAIN}") from error
    if len(shapes) != 1:
        raise EngineError(f"{ir}: takes {len(shapes)} inputs, expected one. Give the IR of a classifier.")
    inputs = [describe_input(blob, shape, str(ir)) for blob, shape in shapes.items()]
    channels = inputs[0].shape[1] if inputs[0].is_picture else 0
    card = complete(
        plain_card(ir.stem, channels, outputs, softmax_outputs(model)),
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
