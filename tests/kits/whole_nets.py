"""A whole net against the originals: what it answers, what it learns, and whether the MYRIAD compiler takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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

PICTURES = 8  # of which BatchNorm takes its statistics


@dataclass
class Run:
    """A net with weights that keep the spread of what flows through it, pictures, and what Caffe makes of them."""

    net: NetParameter
    weights: dict[tuple[str, int], Floats]
    mean: Floats
    scale: float
    feed: dict[str, NDArray[np.uint8]]
    data: dict[str, Floats]
    wanted: dict[str, Floats]


def caffes_run(judge: Judge, net: NetParameter, mean: Floats, scale: float = 1) -> Run:
    """Let Caffe fill and run a deploy net on a random picture, less `mean`, one number a channel, times `scale`."""
    random = np.random.default_rng(7)
    count = PICTURES if any(layer.type == "BatchNorm" for layer in net.layer) else 1
    feed = {blob: random.integers(0, 256, (count, *shape[1:]), np.uint8) for blob, shape in input_shapes(net).items()}
    data = {blob: ((values - mean) * scale).astype(np.float32) for blob, values in feed.items()}
    # Caffe's fillers make the weights; BatchNorm's sums are those of its own TRAIN phase, over several pictures: with the
    # variance that a single one has on a map of 2 x 2, what flows through ResNet-50 in TEST grows thirtyfold
    weights = dict(judge.run(with_batch(net, count), data, phase="TRAIN", backward=False).weights)
    feed, data = ({blob: values[:1] for blob, values in many.items()} for many in (feed, data))
    text = text_format.MessageToString(net)
    first = judge.run(text, data, weights, phase="TEST", backward=False)
    for index, layer in enumerate(net.layer):
        if layer.type == "Softmax":  # probabilities that are not all in one class
            weighted = [maker for maker in net.layer[:index] if (maker.name, 0) in weights]
            maker = next((maker for maker in weighted if layer.bottom[0] in maker.top), weighted[-1])
            factor = np.float32(min(1.0, 2 / first.data[layer.bottom[0]].std()))
            weights |= {key: values * factor for key, values in weights.items() if key[0] == maker.name}
    wanted = judge.run(text, data, weights, phase="TEST", backward=False).data
    return Run(net, weights, mean, scale, feed, data, wanted)


def with_batch(net: NetParameter, batch: int) -> str:
    """The prototxt with another batch for every Input layer."""
    other = NetParameter()
    other.CopyFrom(net)
    for layer in other.layer:
        if layer.type == "Input":
            layer.input_param.shape[0].dim[0] = batch
    return text_format.MessageToString(other)


def check_answers(run: Run, name: str, folder: Path) -> None:
    """Check that our net in fp32 and the FP32 IR are within 1e-4 of the largest number of Caffe's output, the FP16 IR within
    5e-3, and that the IR, which stays in `folder`, goes through the MYRIAD compiler.
    """
    by_layer: dict[str, list[Floats]] = {}
    for (layer, _), values in sorted(run.weights.items()):
        by_layer.setdefault(layer, []).append(values)
    ours = run_ours(our_net(text_format.MessageToString(run.net), "TEST"), run.data, run.weights, {}, backward=False)
    model = convert(run.net, by_layer, _preprocessing(run))
    answers = {"fp32": ours.data, "FP32 IR": run_feed(model, run.feed)}
    write_ir(model, folder / "net.xml", folder / "net.bin")
    answers["FP16 IR"] = run_feed(str(folder / "net.xml"), run.feed)
    outputs = answers["FP32 IR"].keys()
    assert outputs == answers["FP16 IR"].keys()
    for blob in outputs:
        wanted = run.wanted[blob]
        scale = float(np.abs(wanted).max())
        assert "prob" not in blob or wanted.ndim > 2 or scale < 0.99, "one class has it all"
        assert math.isfinite(scale) and wanted.std() > 1e-3 * scale  # or the comparison would say little
        assert all(found[blob].shape == wanted.shape for found in answers.values())
        off = {kind: float(np.abs(found[blob] - wanted).max()) / scale for kind, found in answers.items()}
        seen = ", ".join(f"{kind} {value:.1e}" for kind, value in off.items())
        print(f"\n{name}, {blob} {wanted.shape}, largest {scale:.3g}: {seen}")
        assert max(off["fp32"], off["FP32 IR"]) <= 1e-4
        assert off["FP16 IR"] <= 5e-3
    for kind in {layer.type for layer in run.net.layer} - {"Input"}:
        saw(kind, "openvino")
    _check_compiles(name, set(outputs), folder)


def _preprocessing(run: Run) -> dict[str, Preprocessing]:
    shapes = input_shapes(run.net)
    scale = None if run.scale == 1 else np.full((1, 1, 1), run.scale, np.float32)
    return {
        blob: Preprocessing(mean=np.broadcast_to(run.mean, (shapes[blob][1], 1, 1)), scale=scale)
        for blob in pictures(shapes)
    }


def _check_compiles(name: str, outputs: set[str], folder: Path) -> None:
    """Check that the MYRIAD compiler takes the IR, and depthai reads the blob."""
    import depthai

    from ncs import compiler

    movidius("python")
    files = [folder / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    compiled = compiler.compile_blob(*files, folder, compiler.Resources(4, 4, 1))
    blob = depthai.OpenVINO.Blob(folder / "net.blob")
    assert set(blob.networkOutputs) == outputs
    assert blob.stageCount == compiled.header.stages
    print(f"{name}: blob of {compiled.header.bytes} bytes, {compiled.header.stages} stages, {compiled.seconds:.1f} s")


def check_training(judge: Judge, name: str, folder: Path, count: int) -> None:
    """Train `count` iterations with solver.prototxt in `folder`, by a real Caffe and by us, from the same weights.

    The losses must be the same, and the weights to 1e-4 of each blob's norm; and so that this means something at a small
    rate, also the same way from where each blob began, to a tenth: rounding may choose the other of two near-equal maxima,
    and early layers of deep nets show it.
    """
    with inside(folder):
        start, losses, weights = _iterations(count)
    caffes_losses, caffes = judge.train(folder, "solver.prototxt", "start.caffemodel", count)
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


def _iterations(count: int) -> tuple[dict[Any, Floats], Mapping[str, list[float]], dict[Any, Floats]]:
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
    for _ in range(count):
        solver.step(1)
        for output in solver.net.results():
            losses.setdefault(output.name, []).append(output.value)
    solver.close()
    return start, losses, weights()
