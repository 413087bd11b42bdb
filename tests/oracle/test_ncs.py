"""Our converter and blobs against Caffe 1.0, Model Optimizer 2021.4.2, OpenVINO 2021.4.2's CPU plugin and depthai."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.mean import write_mean
from caffe_io.prototxt import read_net, to_text
from caffe_io.weights import write_weights
from common.places import ROOT
from kits.commands import inside
from kits.ncs import Floats, net_of, run_model, smooth_pictures, subtract, values
from kits.oracle import Worker, caffe, movidius
from ncs.__main__ import ROOM

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(600)]
CLASSES = {"AgeNet": 9, "GenderNet": 2}
SHAVES = {"AgeNet": 8, "GenderNet": 4}
CMX_SLICES = {"AgeNet": 8, "GenderNet": 6}


@dataclass(frozen=True)
class Trained:
    """A net of the project with weights made here: the files, the mean, and pictures to try."""

    name: str
    folder: Path
    mean: Floats
    pictures: NDArray[np.uint8]

    @property
    def deploy(self) -> Path:
        return ROOT / f"prototxt/{self.name}/deploy.prototxt"

    @property
    def mean_file(self) -> Path:
        return self.folder / "data/mean/mean.binaryproto"

    @property
    def weights(self) -> Path:
        return self.folder / f"models/{self.name}/{self.name}_iter_1.caffemodel"


def random_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, list[Floats]]:
    """Weights that keep the spread of their inputs, and small biases."""
    weights = {}
    for number, (name, shape) in enumerate(shapes.items()):
        spread = math.sqrt(2 / math.prod(shape[1:]))
        weights[name] = [values(*shape, seed=number) * np.float32(spread), values(shape[0], seed=99 + number) / 10]
    return weights


@pytest.fixture(scope="module", params=["AgeNet", "GenderNet"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Random weights, scaled so that the probabilities are neither flat nor all in one class."""
    from ncs.converter import convert

    y, x = np.mgrid[0:227, 0:227].astype(np.float32)
    mean = np.stack([90 + y / 5, 100 + x / 4, 120 + (x + y) / 10]) + np.float32(0.123)
    trained = Trained(request.param, tmp_path_factory.mktemp(request.param), mean, smooth_pictures(6, 3, 227, 227))
    net = read_net(trained.deploy)
    shapes = {
        "conv1": (96, 3, 7, 7),
        "conv2": (256, 96, 5, 5),
        "conv3": (384, 256, 3, 3),
        "fc6": (512, 384 * 7 * 7),
        "fc7": (512, 512),
        "fc8": (CLASSES[trained.name], 512),
    }
    weights = random_weights(shapes)
    weights["conv1"][0] /= 50
    logits = NetParameter()
    logits.CopyFrom(net)
    del logits.layer[-1]
    model = convert(logits, weights, subtract(mean))
    spread = run_model(model, trained.pictures)["fc8"].std()
    weights["fc8"] = [array * np.float32(1.5 / spread) for array in weights["fc8"]]
    write_weights(trained.weights, net, weights)
    write_mean(trained.mean_file, mean)
    return trained


@pytest.fixture(scope="module")
def compiled(trained: Trained) -> Path:
    """The folder with our IR, card and, with the tool chain, blob."""
    out = trained.folder / "graph"
    # Where train_test.prototxt finds its mean_file.
    with inside(trained.folder):
        ROOM.main(
            [
                *("compile", "--model", str(trained.deploy), "--weights", str(trained.weights), "--out", str(out)),
                *("--mean", str(trained.mean_file), "--shaves", str(SHAVES[trained.name])),
                *("--cmx_slices", str(CMX_SLICES[trained.name])),
            ]
        )
    return out


SCRIPT = Path(__file__).with_name("ncs_worker.py")


@pytest.fixture(scope="module")
def old_openvino() -> Iterator[Worker]:
    """OpenVINO 2021.4.2, in a process of its own."""
    worker = Worker(movidius("python"), SCRIPT)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def pycaffe() -> Iterator[Worker]:
    """Caffe's Python module, in a process of its own."""
    worker = Worker(caffe("python"), SCRIPT)
    yield worker
    worker.close()


def ask(worker: Worker, folder: Path, pictures: NDArray[Any], model: Path, weights: Path) -> dict[str, Floats]:
    """Return what an original makes of each picture: blob name -> one row for each."""
    engine = "openvino" if model.suffix == ".xml" else "caffe"
    files = {"pictures": folder / "pictures.npy", "answers": folder / "answers.npz"}
    np.save(files["pictures"], pictures)
    worker.ask(engine=engine, model=model, weights=weights, **files)
    with np.load(files["answers"]) as answers:
        return dict(answers)


def largest(ours: Floats, theirs: Floats, what: str) -> float:
    """The largest difference, printed for the record (pytest -s)."""
    assert ours.shape == theirs.shape
    difference = float(np.abs(ours - theirs).max())
    print(f"\n{what}: largest difference {difference:.2e} over {len(ours)} pictures")
    return difference


@pytest.fixture(scope="module")
def ours(trained: Trained, compiled: Path) -> Floats:
    """Our FP16 IR on today's OpenVINO."""
    answers = run_model(compiled / f"{trained.name}.xml", trained.pictures)["prob"]
    assert answers.shape == (6, CLASSES[trained.name])
    assert 0.3 < answers.max() < 0.999  # or the comparisons below would say little
    assert answers.std(axis=0).max() > 0.02
    return answers


def model_optimizer(trained: Trained, *mean: str | Path) -> tuple[Path, float]:
    """Model Optimizer's FP16 IR, and the seconds it took."""
    folder = trained.folder / f"mo{mean[0]}"
    options: list[str | Path] = [
        "--framework",
        "caffe",
        "--input_model",
        trained.weights,
        "--input_proto",
        trained.deploy,
    ]
    options += ["--data_type", "FP16", *mean, "--output_dir", folder, "--model_name", trained.name]
    start = time.perf_counter()
    done = subprocess.run([movidius("mo"), *options], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / f"{trained.name}.xml", time.perf_counter() - start


def test_model_optimizer_with_the_mean_file(
    old_openvino: Worker, trained: Trained, compiled: Path, tmp_path: Path
) -> None:
    """Both FP16 IRs on openvino 2021.4.2, for today's cannot read Model Optimizer's mean image in FP16."""
    xml, seconds = model_optimizer(trained, "--mean_file", trained.mean_file)
    both = [
        ask(old_openvino, tmp_path, trained.pictures, ir, ir.with_suffix(".bin"))
        for ir in (compiled / f"{trained.name}.xml", xml)
    ]
    assert largest(both[0]["prob"], both[1]["prob"], f"{trained.name}, FP16 IRs with mean image, 2021.4.2") <= 1e-3
    ours = caffemodel_to_ir_seconds(trained, tmp_path)
    print(f"caffemodel to IR, start-up included: ours {ours:.2f} s, Model Optimizer {seconds:.2f} s")
    assert ours < seconds / 2


def caffemodel_to_ir_seconds(trained: Trained, folder: Path) -> float:
    """The command as a process, the better of two runs, in a copy of the project that has no tool chain."""
    for room in ("ncs", "caffe_io", "common", "host", "myriad"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    arguments = ["--model", trained.deploy, "--weights", trained.weights, "--mean", trained.mean_file]
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "ncs", "compile", *arguments, "--force"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        seconds.append(time.perf_counter() - start)
        assert "not made: no compiler" in done.stdout, done.stderr
    return min(seconds)


def test_model_optimizer_with_mean_values(trained: Trained, tmp_path: Path) -> None:
    """Both FP16 IRs on today's OpenVINO, in float32 arithmetic."""
    from caffe_io.weights import read_weights
    from ncs.converter import convert
    from ncs.ir import write_ir

    mean = [110.0, 120.0, 130.5]
    xml, _ = model_optimizer(trained, "--mean_values", str(mean))
    model = convert(
        read_net(trained.deploy), read_weights(trained.weights), subtract(np.array(mean, np.float32)[:, None, None])
    )
    write_ir(model, tmp_path / "net.xml", tmp_path / "net.bin")
    ours = run_model(tmp_path / "net.xml", trained.pictures)["prob"]
    theirs = run_model(xml, trained.pictures.astype(np.float32))["prob"]  # its input is float32
    assert largest(ours, theirs, f"{trained.name}, FP16 IRs with mean values, today's OpenVINO") <= 1e-3


def test_both_openvinos_read_our_ir_alike(
    old_openvino: Worker, trained: Trained, compiled: Path, ours: Floats, tmp_path: Path
) -> None:
    xml = compiled / f"{trained.name}.xml"
    old = ask(old_openvino, tmp_path, trained.pictures, xml, xml.with_suffix(".bin"))
    assert largest(ours, old["prob"], f"{trained.name}, our IR on openvino 2021.4.2 and today's") <= 1e-4


def test_caffe_forward(pycaffe: Worker, trained: Trained, ours: Floats, tmp_path: Path) -> None:
    from caffe_io.weights import read_weights
    from ncs.converter import convert

    centred = trained.pictures.astype(np.float32) - trained.mean
    theirs = ask(pycaffe, tmp_path, centred, trained.deploy, trained.weights)["prob"]
    model = convert(read_net(trained.deploy), read_weights(trained.weights), subtract(trained.mean))
    exact = run_model(model, trained.pictures)["prob"]
    assert largest(exact, theirs, f"{trained.name}, Caffe and our model in FP32") <= 1e-4
    assert largest(ours, theirs, f"{trained.name}, Caffe and our FP16 IR") <= 5e-3


def test_depthai_reads_the_blob(trained: Trained, compiled: Path) -> None:
    movidius("python")
    import depthai

    card = json.loads((compiled / f"{trained.name}.json").read_text())
    blob = depthai.OpenVINO.Blob(compiled / card["blob"]["file"])
    assert {name: tensor.dims for name, tensor in blob.networkInputs.items()} == {"data": [227, 227, 3, 1]}
    assert {name: tensor.dims for name, tensor in blob.networkOutputs.items()} == {"prob": [CLASSES[trained.name], 1]}
    source, output = blob.networkInputs["data"], blob.networkOutputs["prob"]
    assert (source.dataType, source.order) == (
        depthai.TensorInfo.DataType.U8F,
        depthai.TensorInfo.StorageOrder.NCHW,
    )
    assert output.dataType == depthai.TensorInfo.DataType.FP16
    assert blob.numShaves == card["blob"]["shaves"] == SHAVES[trained.name]
    assert blob.numSlices == card["blob"]["cmx_slices"] == CMX_SLICES[trained.name]
    assert blob.stageCount == card["blob"]["stages"]
    assert card["blob"]["openvino"] == "2021.4.2"


def test_mean_image_lies_in_the_blob(trained: Trained, compiled: Path) -> None:
    movidius("python")
    content = (compiled / f"{trained.name}.blob").read_bytes()
    mean = trained.mean.astype(np.float16)
    assert mean.tobytes() in content or (-mean).tobytes() in content


# The layer types of most nets in one net, with sizes at which rounding, clipping and grouping matter.
ZOO = """
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1"
  convolution_param { num_output: 12 kernel_size: 5 stride: 2 pad: 2 } }
layer { name: "b1" type: "BatchNorm" bottom: "c1" top: "c1" }
layer { name: "s1" type: "Scale" bottom: "c1" top: "c1" scale_param { bias_term: true } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" relu_param { negative_slope: 0.1 } }
layer { name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 5 alpha: 0.1 beta: 0.75 k: 1.5 } }
layer { name: "split" type: "Split" bottom: "n1" top: "n1a" top: "n1b" }
layer { name: "p1" type: "Pooling" bottom: "n1a" top: "p1"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "p2" type: "Pooling" bottom: "n1b" top: "p2"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "cat" type: "Concat" bottom: "p1" bottom: "p2" top: "cat" }
layer { name: "c2" type: "Convolution" bottom: "cat" top: "c2"
  convolution_param { num_output: 24 kernel_h: 3 kernel_w: 1 pad_h: 1 pad_w: 0 group: 24 bias_term: false } }
layer { name: "r2" type: "PReLU" bottom: "c2" top: "c2" }
layer { name: "c3" type: "Convolution" bottom: "c2" top: "c3"
  convolution_param { num_output: 24 kernel_size: 3 pad: 2 dilation: 2 } }
layer { name: "r3" type: "ELU" bottom: "c3" top: "c3" }
layer { name: "e1" type: "Eltwise" bottom: "c2" bottom: "c3" bottom: "cat" top: "e1"
  eltwise_param { coeff: 1 coeff: 0.5 coeff: -0.25 } }
layer { name: "e2" type: "Eltwise" bottom: "e1" bottom: "c3" top: "e2" eltwise_param { operation: MAX } }
layer { name: "p3" type: "Pooling" bottom: "e2" top: "p3" pooling_param { pool: AVE kernel_size: 4 stride: 3 } }
layer { name: "w1" type: "Power" bottom: "p3" top: "w1" power_param { scale: 0.5 shift: 0.25 } }
layer { name: "t1" type: "TanH" bottom: "w1" top: "t1" }
layer { name: "re" type: "Reshape" bottom: "t1" top: "re" reshape_param { shape { dim: 0 dim: 12 dim: -1 dim: 1 } } }
layer { name: "fl" type: "Flatten" bottom: "re" top: "fl" }
layer { name: "f1" type: "InnerProduct" bottom: "fl" top: "f1" inner_product_param { num_output: 16 } }
layer { name: "d1" type: "Dropout" bottom: "f1" top: "f1" }
layer { name: "f2" type: "InnerProduct" bottom: "f1" top: "f2" inner_product_param { num_output: 7 } }
layer { name: "prob" type: "Softmax" bottom: "f2" top: "prob" }
layer { name: "sig" type: "Sigmoid" bottom: "f2" top: "sig" }
layer { name: "gp" type: "Pooling" bottom: "e2" top: "gp" pooling_param { pool: AVE global_pooling: true } }
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, NetParameter]:
    """deploy prototxt, caffemodel and net of the zoo."""
    folder = tmp_path_factory.mktemp("zoo")
    net = net_of(ZOO, (1, 3, 61, 59))
    shapes = {
        "c1": (12, 3, 5, 5),
        "c2": (24, 1, 3, 1),
        "c3": (24, 24, 3, 3),
        "f1": (16, 24 * 5 * 5),
        "f2": (7, 16),
    }
    weights = random_weights(shapes)
    del weights["c2"][1]
    weights["c1"][0] /= 50
    weights["b1"] = [values(12), np.abs(values(12, seed=2)) + 1, np.array([1.9], np.float32)]
    weights["s1"] = [values(12, seed=3), values(12, seed=4)]
    weights["r2"] = [values(24, seed=5) / 4]
    (folder / "Zoo_deploy.prototxt").write_text(to_text(net))
    write_weights(folder / "Zoo.caffemodel", net, weights)
    return folder / "Zoo_deploy.prototxt", folder / "Zoo.caffemodel", net


def test_usual_layer_types_against_caffe(pycaffe: Worker, zoo: tuple[Path, Path, NetParameter], tmp_path: Path) -> None:
    from caffe_io.weights import read_weights
    from ncs.converter import convert

    deploy, weights, net = zoo
    pictures = smooth_pictures(3, 3, 61, 59)
    mean = np.float32(120)
    theirs = ask(pycaffe, tmp_path, pictures - mean, deploy, weights)
    model = convert(net, read_weights(weights), subtract(np.full((3, 1, 1), mean, np.float32)))
    ours = run_model(model, pictures)
    assert set(theirs) == set(ours) == {"prob", "sig", "gp"}
    for blob, wanted in theirs.items():
        assert largest(ours[blob], wanted, f"zoo, {blob}") <= 1e-4


def test_usual_layer_types_compile_to_a_blob(zoo: tuple[Path, Path, NetParameter], tmp_path: Path) -> None:
    movidius("python")
    import depthai

    deploy, weights, _ = zoo
    ROOM.main(
        ["compile", "--model", str(deploy), "--weights", str(weights), "--mean_value", "120", "--out", str(tmp_path)]
    )
    blob = depthai.OpenVINO.Blob(tmp_path / "Zoo.blob")
    found = {name: tensor.dims for name, tensor in blob.networkOutputs.items()}
    assert found == {"prob": [7, 1], "sig": [7, 1], "gp": [1, 1, 24, 1]}
    assert blob.networkInputs["data"].dims == [59, 61, 3, 1]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("size", [(11, 8), (7, 10)])
def test_pooling_windows_against_caffe(pycaffe: Worker, method: str, size: tuple[int, int], tmp_path: Path) -> None:
    from ncs.converter import convert

    settings = [(k, s, p) for k in (1, 2, 3, 4, 5) for s in (1, 2, 3) for p in range(k) if p or s <= k]
    net = net_of(
        "".join(
            f'layer {{ name: "p{k}{s}{p}" type: "Pooling" bottom: "data" top: "p{k}{s}{p}"'
            f" pooling_param {{ pool: {method} kernel_size: {k} stride: {s} pad: {p} }} }}"
            for k, s, p in settings
        ),
        (1, 2, *size),
    )
    (tmp_path / "net.prototxt").write_text(to_text(net))
    (tmp_path / "net.caffemodel").write_bytes(net.SerializeToString())
    pictures = smooth_pictures(1, 2, *size)
    files = (tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    theirs = ask(pycaffe, tmp_path, pictures - np.float32(128), *files)
    ours = run_model(convert(net, {}, subtract(np.full((2, 1, 1), 128, np.float32))), pictures)
    assert len(theirs) == len(settings)
    for blob, wanted in theirs.items():
        np.testing.assert_allclose(ours[blob], wanted, atol=1e-3, err_msg=blob)


def test_compilers_own_words_reach_the_user(tmp_path: Path) -> None:
    movidius("python")
    from ncs import compiler
    from ncs.errors import CompilerError

    (tmp_path / "net.xml").write_text('<?xml version="1.0"?><net name="n" version="10"><layers/></net>')
    (tmp_path / "net.bin").write_bytes(b"")
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    with pytest.raises(CompilerError, match=r"net\.xml: the MYRIAD compiler says: "):
        compiler.compile_blob(*files, tmp_path, compiler.Resources())


def test_no_stick_is_searched_for(tmp_path: Path) -> None:
    """A search takes five seconds, and the plugin opens its lock file first, which it keeps open to its end."""
    from ncs import compiler
    from ncs.converter import convert
    from ncs.ir import write_ir

    net = net_of('layer { name: "r" type: "ReLU" bottom: "data" top: "r" }')
    write_ir(convert(net, {}), tmp_path / "net.xml", tmp_path / "net.bin")
    request = {kind: str(tmp_path / f"net.{kind}") for kind in ("xml", "bin", "blob")}
    request.update(scratch=str(tmp_path), shaves=4, cmx_slices=4, streams=1)
    lines = [
        "import os, sys, myriad_worker",
        f"myriad_worker.compile_blob({request!r}, {{}})",
        "for number in os.listdir('/proc/self/fd'):",
        "    if os.path.exists('/proc/self/fd/' + number): print(os.readlink('/proc/self/fd/' + number))",
    ]
    done = subprocess.run(
        [movidius("python"), "-c", "\n".join(lines)],
        cwd=compiler.WORKER.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mvnc.mutex" not in done.stdout
    assert (tmp_path / "net.blob").exists()
