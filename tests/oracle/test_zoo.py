"""Well-known nets, whole: loaded and run as Caffe does, trained as Caffe does, our IR against Caffe, and a Myriad blob of each.

Small pictures and widths. The nets of the papers' sizes, some ten minutes and 3 GB, without the training:

    ZOO=full .venv/bin/python -m pytest tests/oracle/test_zoo.py -k answers -s
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.prototxt import read_solver
from kits.commands import inside
from kits.ncs import Floats, run_feed
from kits.oracle import movidius, saw
from kits.oracle_layers import Judge, our_net, run_ours
from ncs.converter import convert
from ncs.inputs.preprocessing import Preprocessing
from ncs.inputs.shapes import input_shapes, pictures
from ncs.ir import write_ir
from tools.zoo import NETS, SOURCE, Top

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("one_thread")]
FULL = os.environ.get("ZOO") == "full"
MEAN = np.float32(128)
BATCH = 8  # pictures of which BatchNorm takes its statistics; items to learn from
RATE = 1e-3  # of the nets with BatchNorm and the flat ones
# At 1e-3 the PReLU net's sums of squares, of some 100, make it diverge. The others are deep, have maxima and no BatchNorm: one
# window in which rounding chose the other of two near-equal numbers moves the next losses by more than 1e-4 at that rate.
RATES = {"PReLU net": 1e-4, "SqueezeNet 1.1": 1e-4, "GoogLeNet": 1e-4, "VGG-16": 3e-5}


@dataclass
class Run:
    """A net with weights that keep the spread of what flows through it, pictures, and what Caffe makes of them."""

    net: NetParameter
    weights: dict[tuple[str, int], Floats]
    feed: dict[str, NDArray[np.uint8]]
    data: dict[str, Floats]
    wanted: dict[str, Floats]


def caffes_run(judge: Judge, name: str) -> Run:
    entry = NETS[name]
    text = (entry.writer(entry.full, 1.0) if FULL else entry.writer(entry.small, entry.width)).text
    net = text_format.Parse(text, NetParameter())
    random = np.random.default_rng(7)
    count = BATCH if any(layer.type == "BatchNorm" for layer in net.layer) else 1
    feed = {blob: random.integers(0, 256, (count, *shape[1:]), np.uint8) for blob, shape in input_shapes(net).items()}
    pictures = {blob: values.astype(np.float32) - MEAN for blob, values in feed.items()}
    # Caffe's fillers make the weights; BatchNorm's sums are those of its own TRAIN phase, over several pictures: with the
    # variance that a single one has on a map of 2 x 2, what flows through ResNet-50 in TEST grows thirtyfold
    weights = dict(judge.run(with_batch(net, count), pictures, phase="TRAIN", backward=False).weights)
    feed, data = ({blob: values[:1] for blob, values in many.items()} for many in (feed, pictures))
    first = judge.run(text, data, weights, phase="TEST", backward=False)
    for index, layer in enumerate(net.layer):
        if layer.type == "Softmax":  # probabilities that are not all in one class
            weighted = [maker for maker in net.layer[:index] if (maker.name, 0) in weights]
            maker = next((maker for maker in weighted if layer.bottom[0] in maker.top), weighted[-1])
            factor = np.float32(min(1.0, 2 / first.data[layer.bottom[0]].std()))
            weights |= {key: values * factor for key, values in weights.items() if key[0] == maker.name}
    return Run(net, weights, feed, data, judge.run(text, data, weights, phase="TEST", backward=False).data)


def with_batch(net: NetParameter, batch: int) -> str:
    """The prototxt with another batch for every Input layer."""
    other = NetParameter()
    other.CopyFrom(net)
    for layer in other.layer:
        if layer.type == "Input":
            layer.input_param.shape[0].dim[0] = batch
    return text_format.MessageToString(other)


@pytest.mark.parametrize("name", NETS)
def test_answers_as_caffe(judge: Judge, name: str, tmp_path: Path) -> None:
    """Our net in fp32 and the FP32 IR within 1e-4 of the largest number of Caffe's output, the FP16 IR within 5e-3.

    The FP16 bound holds for nets that do not enlarge small differences. Random nets with BatchNorm and biases of 0 do, by a
    fifth in every layer, so that Caffe itself, given weights rounded to FP16, differs by 2 to 14 % after 28 to 50 layers
    (trained nets do not). So the zoo's biases after BatchNorm are about 1, and its residual branches begin small.
    """
    run = caffes_run(judge, name)
    by_layer: dict[str, list[Floats]] = {}
    for (layer, _), values in sorted(run.weights.items()):
        by_layer.setdefault(layer, []).append(values)
    ours = run_ours(our_net(text_format.MessageToString(run.net), "TEST"), run.data, run.weights, {}, backward=False)
    shapes = input_shapes(run.net)
    means = {name: Preprocessing(mean=np.full((shapes[name][1], 1, 1), MEAN)) for name in pictures(shapes)}
    model = convert(run.net, by_layer, means)
    answers = {"fp32": ours.data, "FP32 IR": run_feed(model, run.feed)}
    write_ir(model, tmp_path / "net.xml", tmp_path / "net.bin")
    answers["FP16 IR"] = run_feed(str(tmp_path / "net.xml"), run.feed)
    outputs = answers["FP32 IR"].keys()
    assert outputs == answers["FP16 IR"].keys()
    for blob in outputs:
        wanted = run.wanted[blob]
        scale = float(np.abs(wanted).max())
        assert not blob.startswith("prob") or wanted.ndim > 2 or scale < 0.99, "one class has it all"
        assert math.isfinite(scale) and wanted.std() > 1e-3 * scale  # or the comparison would say little
        assert all(found[blob].shape == wanted.shape for found in answers.values())
        off = {kind: float(np.abs(found[blob] - wanted).max()) / scale for kind, found in answers.items()}
        seen = ", ".join(f"{kind} {value:.1e}" for kind, value in off.items())
        print(f"\n{name}, {blob} {wanted.shape}, largest {scale:.3g}: {seen}")
        assert max(off["fp32"], off["FP32 IR"]) <= 1e-4
        assert off["FP16 IR"] <= 5e-3
    for kind in {layer.type for layer in run.net.layer} - {"Input"}:
        saw(kind, "openvino")
    compiles(name, set(outputs), tmp_path)


def compiles(name: str, outputs: set[str], folder: Path) -> None:
    """Through the MYRIAD compiler, and read by depthai."""
    import depthai

    from ncs import compiler

    movidius("python")
    files = [folder / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    compiled = compiler.compile_blob(*files, folder, compiler.Resources(4, 4, 1))
    blob = depthai.OpenVINO.Blob(folder / "net.blob")
    assert set(blob.networkOutputs) == outputs
    assert blob.stageCount == compiled.header.stages
    print(f"{name}: blob of {compiled.header.bytes} bytes, {compiled.header.stages} stages, {compiled.seconds:.1f} s")


@pytest.mark.skipif(FULL, reason="ZOO=full is about answers")
@pytest.mark.parametrize("name", NETS)
def test_five_iterations_as_caffe(judge: Judge, name: str, tmp_path: Path) -> None:
    """From the same weights, over the same random data, by a real Caffe's solver and ours: the same losses, and the same
    weights to 1e-4 of each blob's norm; and so that this means something at a small rate, also the same way from where
    each blob began, to a tenth: rounding may choose the other of two near-equal maxima, and early layers of deep nets show it.
    """
    entry = NETS[name]
    net = entry.writer(entry.small, entry.width, BATCH)
    write_data(tmp_path, net.tops)
    (tmp_path / "net.prototxt").write_text(net.text)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "net.prototxt" base_lr: {RATES.get(name, RATE)} lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005\n'
        'max_iter: 5 random_seed: 5 snapshot_prefix: "net" solver_mode: CPU'
    )
    with inside(tmp_path):
        start, losses, weights = five_iterations()
    caffes_losses, caffes = judge.train(tmp_path, "solver.prototxt", "start.caffemodel", 5)
    assert losses.keys() == caffes_losses.keys()
    for blob, values in caffes_losses.items():
        np.testing.assert_allclose(losses[blob], values, rtol=1e-4, err_msg=blob)
    assert weights.keys() == caffes.keys() == start.keys()
    off, way = {}, {}
    for key, his in caffes.items():
        difference, moved = np.linalg.norm(weights[key] - his), np.linalg.norm(his - start[key])
        assert moved > 0, f"{key} did not learn"
        off[key], way[key] = difference / np.linalg.norm(his), difference / moved
    seen = f"weights off by {max(off.values()):.0e}, what they moved by {max(way.values()):.0e}"
    print(f"\n{name}: {seen}")
    assert max(off.values()) <= 1e-4, max(off, key=lambda key: off[key])
    assert max(way.values()) <= 0.1, max(way, key=lambda key: way[key])


def write_data(folder: Path, tops: Mapping[str, Top]) -> None:
    """Five batches of random numbers for the tops of a train net's data layer."""
    import h5py

    random = np.random.default_rng(3)
    with h5py.File(folder / "data.h5", "w") as file:
        for name, top in tops.items():
            shape = (5 * BATCH, *top.shape)
            values = random.integers(0, top.classes, shape) if top.classes else random.standard_normal(shape)
            file[name] = values.astype(np.float32)
    (folder / SOURCE).write_text("data.h5\n")


def five_iterations() -> tuple[dict[Any, Floats], dict[str, list[float]], dict[Any, Floats]]:
    """Ours: weights at the start (written to start.caffemodel, too), losses by blob, weights at the end."""
    from training.solvers.snapshot import save_weights
    from training.solvers.solver import Solver

    def weights() -> dict[Any, Floats]:
        layers = solver.net.weights()
        return {(layer, i): values.copy() for layer, blobs in layers.items() for i, values in enumerate(blobs)}

    solver = Solver(read_solver("solver.prototxt"))
    save_weights(solver.net, "start.caffemodel")
    start = weights()
    losses: dict[str, list[float]] = {}
    for _ in range(5):
        solver.step(1)
        for output in solver.net.results():
            losses.setdefault(output.name, []).append(output.value)
    solver.close()
    return start, losses, weights()
