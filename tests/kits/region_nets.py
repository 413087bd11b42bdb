"""Faster R-CNN, R-FCN and a CRNN, small and with random weights."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, LayerParameter, NetParameter
from kits.forks import ForkNet
from kits.ncs import Floats
from tools.zoo.regions import REGION_NETS
from training.nets.net import Net

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
