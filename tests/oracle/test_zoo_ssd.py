"""MobileNet-SSD and SSD300 on VGG with random weights, as OpenCV and Model Optimizer have them, and a blob of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, NetParameter
from kits.fork_judges import OldOpenVINO, by_opencv, by_us, model_optimizer, old_openvino
from kits.ncs import Floats, run_feed
from kits.oracle import movidius, saw
from ncs.converter import convert
from ncs.ir import write_ir
from tools.res10_check import boxes, matched
from tools.zoo.forks.ssd import SSD_NETS
from training.nets.net import Net

__all__ = ["old_openvino"]
pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]
BLOBS = ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox", "detection_out"]


@dataclass(frozen=True)
class Whole:
    """A net with random weights, a picture of waves, and what the training room makes of it as BLOBS."""

    net: NetParameter
    weights: dict[str, list[Floats]]
    feed: dict[str, Floats]
    answers: list[Floats]


def waves(count: int, side: int) -> Floats:
    """Pictures whose pixels hang together, from 0 to 255 in whole numbers."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:side, 0:side] / side
    found = np.empty((count, 3, side, side), np.float32)
    for plane in found.reshape(-1, side, side):
        angle = random.normal(0, 20, 2) @ np.stack([x.ravel(), y.ravel()])
        plane[:] = np.round(127 + 80 * np.sin(angle.reshape(side, side)) + random.normal(0, 15, (side, side)))
    return found.clip(0, 255)


@pytest.fixture(scope="module", params=SSD_NETS)
def whole(request: pytest.FixtureRequest) -> Whole:
    entry = SSD_NETS[request.param]
    text = entry.writer(entry.small, entry.width).text
    # As the makers of such nets do: pixels of about -1 to 1.
    first = (
        'layer { name: "scaled" type: "Power" bottom: "data" top: "scaled" power_param { scale: 0.0078 shift: -1 } }'
    )
    head, *rest = text.split("\n")[1:]
    begun = [line.replace('bottom: "data"', 'bottom: "scaled"') if "PriorBox" not in line else line for line in rest]
    net = text_format.Parse("\n".join([head, first, *begun]), NetParameter())
    pictures = waves(4, entry.small)
    room = Net(net, TRAIN, seed=3)
    with torch.no_grad():
        # The statistics of BatchNorm are those of some pictures.
        room.forward({"data": torch.from_numpy(pictures)})
    weights = {name: [np.array(blob) for blob in blobs] for name, blobs in room.weights().items()}
    feed = {"data": pictures[:1]}
    answers = by_us(net, feed, BLOBS, weights)
    count = len(boxes(answers[-1]))
    print(f"{request.param}: {answers[2].shape[2] // 4} priors, {count} boxes")
    assert count > 20
    return Whole(net, weights, feed, answers)


def check(found: list[Floats], expected: list[Floats]) -> None:
    """The predictions within 1e-4 of the largest; of the boxes, all but those that rounding drops at the threshold."""
    for ours, theirs in zip(found[:-1], expected, strict=False):
        assert np.abs(ours.ravel() - theirs.ravel()).max() <= 1e-4 * np.abs(theirs).max()
    ours, theirs, largest = matched(boxes(found[-1]), boxes(expected[-1]))
    assert (~ours).sum() + (~theirs).sum() <= 0.04 * len(theirs)
    print(f"{ours.sum()} of {len(theirs)} boxes, which differ by at most {largest:.1e}")


def test_opencv(whole: Whole) -> None:
    check(by_opencv(whole.net, whole.feed, BLOBS, whole.weights), whole.answers)


def test_model_optimizer(whole: Whole, old_openvino: OldOpenVINO, tmp_path: Path) -> None:
    xml = model_optimizer(whole.net, tmp_path, whole.weights)
    found = old_openvino.run(xml, whole.feed, tmp_path)
    check([found["detection_out"]], whole.answers[-1:])


def test_our_ir_and_blob(whole: Whole, old_openvino: OldOpenVINO, tmp_path: Path) -> None:
    from ncs import compiler

    model = convert(whole.net, whole.weights)
    write_ir(model, tmp_path / "net.xml", tmp_path / "net.bin", "FP32")
    for found in (
        run_feed(str(tmp_path / "net.xml"), dict(whole.feed)),
        old_openvino.run(tmp_path / "net.xml", whole.feed, tmp_path),
    ):
        check([found["detection_out"]], whole.answers[-1:])
    movidius("python")
    import depthai

    write_ir(model, tmp_path / "half.xml", tmp_path / "half.bin")
    files = [tmp_path / f"half.{suffix}" for suffix in ("xml", "bin", "blob")]
    compiled = compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    blob = depthai.OpenVINO.Blob(tmp_path / "half.blob")
    assert {name: tensor.dims for name, tensor in blob.networkOutputs.items()} == {"detection_out": [7, 100, 1, 1]}
    assert blob.stageCount == compiled.header.stages
    print(f"blob of {compiled.header.bytes} bytes, {compiled.header.stages} stages")
    for kind in ("DetectionOutput", "PriorBox", "Permute"):
        saw(kind, "myriad")
