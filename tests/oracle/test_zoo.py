"""Well-known nets, whole: our IR against Caffe, and a Myriad blob of each. Small pictures and widths; the full ones with
ZOO=full in the environment."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from layer_kit import Judge, judge
from oracle_kit import movidius, saw

from caffe_io.caffe_pb2 import NetParameter
from ncs.converter import convert, input_shapes
from ncs.ir import write_ir
from tests.ncs_kit import Floats, run_feed
from tests.zoo import NETS

__all__ = ["judge"]
pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900)]
MEAN = np.float32(128)


@dataclass
class Run:
    """A net with weights that keep the spread of what flows through it, pictures, and what Caffe makes of them."""

    net: NetParameter
    weights: dict[str, list[Floats]]
    feed: dict[str, np.ndarray]
    wanted: dict[str, Floats]


def caffes_run(judge: Judge, name: str) -> Run:
    entry = NETS[name]
    text = entry.write(entry.full, 1.0) if os.environ.get("ZOO") == "full" else entry.write(entry.small, entry.width)
    net = text_format.Parse(text, NetParameter())
    random = np.random.default_rng(7)
    feed = {blob: random.integers(0, 256, shape).astype(np.uint8) for blob, shape in input_shapes(net).items()}
    data = {blob: picture.astype(np.float32) - MEAN for blob, picture in feed.items()}
    normed = any(layer.type == "BatchNorm" for layer in net.layer)
    # Caffe's fillers make the weights; BatchNorm's sums are those of its own TRAIN phase
    first = judge.run(text, data, phase="TRAIN" if normed else "TEST", backward=False, forwards=2 if normed else 1)
    weights = dict(first.weights)
    for layer in net.layer:
        if layer.type == "Scale":
            weights[layer.name, 0] = random.uniform(0.8, 1.2, weights[layer.name, 0].shape).astype(np.float32)
            weights[layer.name, 1] = random.normal(0, 0.1, weights[layer.name, 1].shape).astype(np.float32)
    first = judge.run(text, data, weights, phase="TEST", backward=False)
    for layer in net.layer:
        if layer.type == "Softmax":  # probabilities that are neither flat nor all in one class
            before = list(net.layer)[: list(net.layer).index(layer)]
            weighted = [maker for maker in before if (maker.name, 0) in weights]
            maker = next((maker for maker in weighted if layer.bottom[0] in maker.top), weighted[-1])
            spread = max(float(first.data[layer.bottom[0]].std()), 1e-3)
            for key in ((maker.name, 0), (maker.name, 1)):
                if key in weights:
                    weights[key] = weights[key] * np.float32(2 / spread)
    run = judge.run(text, data, weights, phase="TEST", backward=False)
    by_layer: dict[str, list[Floats]] = {}
    for (layer_name, _), values in sorted(weights.items()):
        by_layer.setdefault(layer_name, []).append(values)
    return Run(net, by_layer, feed, run.data)


# The FP16 IR of these three, with random weights, is 2 to 14 % of the largest probability away from Caffe (FP32: 1e-4 holds):
# rounding of the weights to FP16 grows through 50 layers, and the spread of the answers is stretched. Not solved.
DEEP = {"ResNet-50", "MobileNet v1", "MobileNet v2"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.xfail(reason="FP16 rounding in a deep random net")) if n in DEEP else n
        for n in NETS
    ],
)
def test_zoo(judge: Judge, name: str, tmp_path: Path) -> None:
    run = caffes_run(judge, name)
    model = convert(run.net, run.weights, np.full((len_channels(run), 1, 1), MEAN))
    kinds = {layer.type for layer in run.net.layer} - {"Input"}
    exact = run_feed(model, run.feed)
    write_ir(model, tmp_path / "net.xml", tmp_path / "net.bin")
    halved = run_feed(str(tmp_path / "net.xml"), run.feed)
    assert exact.keys() == halved.keys()
    for blob, found in exact.items():
        wanted = run.wanted[blob]
        assert found.shape == halved[blob].shape == wanted.shape
        scale = float(np.abs(wanted).max())
        assert not blob.startswith("prob") or wanted.ndim > 2 or scale < 0.99, "one class has it all"
        assert math.isfinite(scale) and wanted.std() > 1e-3 * scale  # or the comparison would say little
        differences = [float(np.abs(answer[blob] - wanted).max()) / scale for answer in (exact, halved)]
        print(f"\n{name}, {blob} {wanted.shape}: FP32 {differences[0]:.1e}, FP16 {differences[1]:.1e}, of {scale:.3g}")
        assert differences[0] <= 1e-4
        assert differences[1] <= 5e-3
    for kind in kinds:
        saw(kind, "openvino")
    compiles(name, set(exact), tmp_path)


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


def len_channels(run: Run) -> int:
    """Of the first input."""
    return next(iter(input_shapes(run.net).values()))[1]
