"""Faster R-CNN, R-FCN and a CRNN, whole: against Model Optimizer's IR, or Caffe 1.0, and through the MYRIAD compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, LayerParameter, NetParameter
from kits.fork_nets import judged
from kits.forks import (
    ForkNet,
    assert_equal,
    by_model_optimizer,
    by_openvino_2021,
    compile_blob,
    converted,
    our_ir,
    trained,
)
from kits.ncs import Floats
from kits.oracle_layers import Judge
from tools.zoo.regions import REGION_NETS
from training.nets.net import Net

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("one_thread")]
OUTPUTS = {"CRNN": ["prob"], "Faster R-CNN": ["bbox_pred", "cls_prob"], "R-FCN": ["bbox_pred", "cls_prob"]}


def net_of(name: str) -> ForkNet:
    """The small net, which takes bytes, with random weights, and its second input."""
    entry = REGION_NETS[name]
    writer = entry.writer(entry.small, entry.width)
    net = text_format.Parse(writer.text, NetParameter())
    room = Net(net, TEST, seed=3)
    weights = {
        layer.name: [blob.detach().numpy().copy() for blob in layer.blobs] for layer in room.layers if layer.blobs
    }
    net.layer[0].name = net.layer[0].top[0] = "bytes"
    power = LayerParameter(name="spread", type="Power", bottom=["bytes"], top=["data"])
    power.power_param.scale, power.power_param.shift = 0.015625, -2
    layers = [*net.layer[:2], power, *net.layer[2:]]
    random = np.random.default_rng(7)
    size = entry.small
    second: Floats = np.float32([[size, size - 8, 1.25]])
    if name == "CRNN":
        second = np.float32(random.random((1, writer.tops["cont"].shape[0])) < 0.8)
    picture = random.integers(0, 256, (1, entry.channels, size, size), dtype=np.uint8)
    feed = {"bytes": picture, net.layer[1].top[0]: second}
    lines = [f"layer {{ {text_format.MessageToString(layer, as_one_line=True)} }}" for layer in layers]
    return ForkNet(lines, feed, weights, OUTPUTS[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Faster R-CNN", "R-FCN"])
def test_regions_as_model_optimizer(name: str, tmp_path: Path) -> None:
    """Proposal gives as many rows as it has boxes, and OpenVINO's is filled up; those that there are agree."""
    net = net_of(name)
    expected = by_model_optimizer(net, tmp_path)
    for found in (converted(net), by_openvino_2021(net, our_ir(net, tmp_path))):
        assert_equal(found, expected, net)
    net.tops = ["rois", *net.tops]
    ours = trained(net)
    count = len(ours["rois"])
    assert 3 < count <= 16
    for blob in OUTPUTS[name]:
        assert len(ours[blob]) == count
        assert expected[blob][:count].std() > 1e-3
        np.testing.assert_allclose(ours[blob], expected[blob][:count], rtol=1e-3, atol=1e-4, err_msg=blob)


def test_crnn_as_caffe(judge: Judge, tmp_path: Path) -> None:
    net = net_of("CRNN")
    # Caffe is given cont where it is used.
    expected = judged(judge, replace(net, layers=[line for line in net.layers if 'name: "cont"' not in line]))
    assert expected["prob"].std() > 1e-2
    assert_equal(converted(net), expected, net)
    assert_equal(by_openvino_2021(net, our_ir(net, tmp_path)), expected, net)
    net.tops = [blob for blob in expected if blob not in net.feed]
    assert_equal(trained(net), expected, net)


@pytest.mark.parametrize("name", REGION_NETS)
def test_myriad(name: str, tmp_path: Path) -> None:
    import depthai

    blob = depthai.OpenVINO.Blob(compile_blob(net_of(name), tmp_path))
    assert set(OUTPUTS[name]) <= set(blob.networkOutputs)
