"""Three ways to the same answers: ours (torch), the compiled IR (openvino), the original (caffe)."""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.lmdb_store import LmdbReader
from caffe_io.prototxt import read_net
from common.places import require_toolchain
from training.errors import EngineError

from .classifier import Classifier

# (classifier, train_test prototxt, caffemodel, IR) -> N x classes probabilities and N labels, one row a record
Engine = Callable[[Classifier, Path, Path, Path], tuple[Array, Array]]


def torch_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """Our own net in phase TEST."""
    import torch

    from training.nets.net import Net

    net = Net(read_net(model), TEST, str(model))
    net.load(weights)
    scores, labels = [], []
    with torch.inference_mode():
        for _ in range(math.ceil(classifier.records / classifier.batch_size)):
            net.forward(keep=(classifier.scores, classifier.label))
            scores.append(net.blobs[classifier.scores].softmax(1).numpy())
            labels.append(net.blobs[classifier.label].numpy())
    net.close()
    return _whole(classifier, scores, labels)


def openvino_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """The IR on the CPU, in f32, fed with the raw records: the mean is inside."""
    import openvino

    if not ir.exists():
        raise EngineError(f"{ir}: not there. Compile the net first: ./compile2Movidius.sh")
    scores, labels = [], []
    try:
        compiled = openvino.Core().compile_model(str(ir), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        with LmdbReader(classifier.source) as reader:
            for key, value in reader.items():
                datum = parse_datum(value, key.decode(errors="replace"))
                request.infer([datum_to_array(datum)[None]])
                scores.append(request.get_tensor(classifier.output).data.copy())
                labels.append(np.array([datum.label], np.float32))
    except RuntimeError as error:  # its last line says what is wrong
        reason = str(error).strip().splitlines()[-1].strip()
        raise EngineError(
            f"{ir}: OpenVINO cannot run it on the records of {classifier.source}: {reason} Compile the net anew."
        ) from error
    return _whole(classifier, scores, labels)


def caffe_engine(classifier: Classifier, model: Path, weights: Path, ir: Path) -> tuple[Array, Array]:
    """The tool chain's Caffe, through its Python interface, on the same prototxt and LMDB."""
    worker = Path(__file__).with_name("pycaffe_worker.py")
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "model": str(model),
            "weights": str(weights),
            "batches": math.ceil(classifier.records / classifier.batch_size),
            "blobs": [classifier.scores, classifier.label],
            "out": f"{folder}/blobs.npz",
        }
        done = subprocess.run(
            [str(require_toolchain("caffe", "python", EngineError)), str(worker)],
            input=json.dumps(request) + "\n",
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EngineError(f"Caffe failed on {model}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        with np.load(request["out"]) as blobs:  # type: ignore[arg-type]
            scores, labels = blobs[classifier.scores], blobs[classifier.label]
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return _whole(classifier, [powers / powers.sum(1, keepdims=True)], [labels])


ENGINES: dict[str, Engine] = {"torch": torch_engine, "openvino": openvino_engine, "caffe": caffe_engine}


def _whole(classifier: Classifier, scores: list[Array], labels: list[Array]) -> tuple[Array, Array]:
    """Every record once: the last batch goes round to the first records again, and those are cut off."""
    return np.concatenate(scores)[: classifier.records], np.concatenate(labels)[: classifier.records]
