"""Proposal, ROIPooling, PSROIPooling: our forward and our converted nets against Model Optimizer, OpenVINO 2021.4.2 and OpenCV.

A net has many layers with random settings, all compared at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kits.forks import (
    ForkNet,
    assert_equal,
    by_model_optimizer,
    by_opencv,
    by_openvino_2021,
    compile_blob,
    converted,
    our_ir,
    trained,
)
from kits.ncs import Floats
from kits.oracle import saw

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600)]
SETTINGS = 32


def given(net: ForkNet, name: str, values: Floats) -> str:
    """Add an input that takes numbers as they are: a list, as our converter takes four axes for a picture of bytes."""
    dims = " ".join(f"dim: {n}" for n in values.shape)
    shape = f"dim: {len(values)} dim: {values[0].size}"
    net.layers.append(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {shape} }} }} }}'
        + (values.ndim > 2)
        * f'layer {{ name: "{name}r" type: "Reshape" bottom: "{name}" top: "{name}r" reshape_param {{ shape {{ {dims} }} }} }}'
    )
    net.feed[name] = values.reshape(len(values), -1)  # type: ignore[assignment]
    return name if values.ndim == 2 else f"{name}r"


def regions(random: np.random.Generator, count: int, height: int, width: int) -> Floats:
    """Draw boxes in a picture, some of them beyond its border."""
    ends = random.uniform(-0.1, 1.1, (count, 2, 2)) * [width, height]
    boxes = np.concatenate([np.zeros((count, 1)), ends.min(1), ends.max(1)], 1)
    return np.float32(boxes.round(2))


def pooling_net(kind: str, inside: bool = False) -> ForkNet:
    """Layers of one kind with random sizes and scales, on the same map and regions."""
    net = ForkNet(seed=3)
    random = np.random.default_rng(5)
    boxes = regions(random, 12, 160, 240)
    if inside:
        boxes[:, 1:] = boxes[:, 1:].clip(0, [239, 159, 239, 159])
    given(net, "rois", boxes)
    for number in range(SETTINGS):
        scale = random.choice([0.0625, 0.05, 0.1, 1 / 12])
        if kind == "ROIPooling":
            high, wide = random.integers(1, 8, 2)
            bottom = given(net, f"x{number}", random.standard_normal((1, 3, 10, 15)).astype(np.float32))
            param = f"roi_pooling_param {{ pooled_h: {high} pooled_w: {wide} spatial_scale: {scale} }}"
        else:
            group, out = random.integers(1, 6, 2)
            channels = int(out * group**2)
            bottom = given(net, f"x{number}", random.standard_normal((1, channels, 10, 15)).astype(np.float32))
            param = f"psroi_pooling_param {{ output_dim: {out} group_size: {group} spatial_scale: {scale} }}"
        net.add(kind, [bottom, "rois"], param)
    return net


def proposal_net(top: int = 12) -> ForkNet:
    """Proposal layers with random anchors and thresholds, whose scores all differ."""
    net = ForkNet(seed=4)
    random = np.random.default_rng(6)
    given(net, "info", np.float32([[150, 230, 1.5]]))
    for number in range(SETTINGS):
        ratios = random.choice([0.25, 0.333, 0.5, 0.667, 1, 1.5, 2, 3], int(random.integers(1, 4)), replace=False)
        scales = random.choice([2, 3, 4, 6, 8, 9], int(random.integers(1, 4)), replace=False)
        count = len(ratios) * len(scales)
        numbers = random.permutation(2 * count * 90).reshape(1, 2 * count, 9, 10)
        scores = given(net, f"s{number}", np.float32(numbers / numbers.size))
        moves = given(net, f"m{number}", np.float32(random.standard_normal((1, 4 * count, 9, 10)) * 0.3))
        ratio = " ".join(f"ratio: {value}" for value in ratios)
        scale = " ".join(f"scale: {value}" for value in scales)
        param = (
            f"proposal_param {{ {ratio} {scale} base_size: {random.choice([8, 16])} feat_stride: {random.choice([16, 20])} "
            f"pre_nms_topn: {random.choice([50, 400])} post_nms_topn: {top} nms_thresh: {random.choice([0.5, 0.7])} "
            f"min_size: {random.choice([4, 16])} }}"
        )
        name = net.add("Proposal", [scores, moves, "info"], param)
        if number % 2:
            # With the scores as a second top.
            net.layers[-1] = net.layers[-1].replace(f'top: "{name}"', f'top: "{name}" top: "{name}.1"')
            net.tops.append(f"{name}.1")
    return net


POOLINGS = ["ROIPooling", "PSROIPooling"]


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_as_model_optimizer(kind: str, tmp_path: Path) -> None:
    net = pooling_net(kind, inside=True)
    judged = by_model_optimizer(net, tmp_path)
    assert_equal(trained(net), judged, net)
    assert_equal(converted(net), judged, net)
    assert_equal(by_openvino_2021(net, our_ir(net, tmp_path)), judged, net)
    for what in ("forward", "openvino"):
        saw(kind, what)


def test_pad_ratio(tmp_path: Path) -> None:
    """MS-CNN's field, which other programs lack: both rooms agree about regions that it enlarges."""
    net = pooling_net("ROIPooling", inside=True)
    random = np.random.default_rng(8)
    for number, line in enumerate(net.layers):
        net.layers[number] = line.replace("pooled_h", f"pad_ratio: {random.choice([0.1, 0.25, 0.5])} pooled_h")
    ours = trained(net)
    assert_equal(converted(net), ours, net)
    assert_equal(by_openvino_2021(net, our_ir(net, tmp_path)), ours, net)
    assert compile_blob(net, tmp_path).stat().st_size > 0


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_as_opencv(kind: str) -> None:
    """Also of regions that leave the picture."""
    net = pooling_net(kind)
    assert_equal(trained(net), by_opencv(net), net)


def test_proposals_as_model_optimizer(tmp_path: Path) -> None:
    """Rows after the last box begin with -1 in OpenVINO; Caffe's layer has no such rows."""
    net = proposal_net()
    # Its operation has two outputs, and so it numbers them.
    judged = {name.removesuffix(".0"): values for name, values in by_model_optimizer(net, tmp_path).items()}
    ours = trained(net)
    for found in (converted(net), by_openvino_2021(net, our_ir(net, tmp_path))):
        assert_equal(found, judged, net)
    for top in net.tops:
        count = len(ours[top])
        assert 0 < count <= 12
        np.testing.assert_allclose(ours[top], judged[top][:count], rtol=1e-4, atol=1e-2, err_msg=top)
        assert count == 12 or top.endswith(".1") or judged[top][count, 0] == -1
    saw("Proposal", "forward")
    saw("Proposal", "openvino")


@pytest.mark.parametrize("kind", [*POOLINGS, "Proposal"])
def test_myriad(kind: str, tmp_path: Path) -> None:
    import depthai

    net = proposal_net() if kind == "Proposal" else pooling_net(kind)
    blob = depthai.OpenVINO.Blob(compile_blob(net, tmp_path))
    right = set(net.tops) <= set(blob.networkOutputs)
    saw(kind, "myriad", right)
    assert right


def test_gradient_of_roi_pooling() -> None:
    """Each maximum passes its gradient to the place that it came from."""
    net = pooling_net("ROIPooling")
    from caffe_io.caffe_pb2 import TEST
    from training.nets.net import Net

    room = Net(net.param, TEST)
    feed = {name: torch.from_numpy(np.asarray(values)).clone() for name, values in net.feed.items()}
    for name, values in feed.items():
        values.requires_grad_(name != "rois")
    room.forward(feed)
    for number, top in enumerate(net.tops):
        blob = room.blobs[top]
        weights = torch.from_numpy(np.random.default_rng(number).standard_normal(tuple(blob.shape)).astype(np.float32))
        (found,) = torch.autograd.grad((blob * weights).sum(), feed[f"x{number}"])
        source = feed[f"x{number}"].detach().reshape(1, 3, 10, 15)
        expected = torch.zeros_like(source)
        for (_, channel, _, _), value, weight in zip(
            np.ndindex(*blob.shape), blob.flatten(), weights.flatten(), strict=True
        ):
            expected[0, channel] += weight * (source[0, channel] == value) * (value != 0)
        torch.testing.assert_close(found.reshape(source.shape), expected, rtol=1e-4, atol=1e-4)
