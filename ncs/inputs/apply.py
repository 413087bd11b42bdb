"""Puts what is done to an input in front of a network's first layer."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from ..layers.layer import constant, integers, shape
from .preprocessing import Preprocessing


def preprocess(name: str, top: Output, wanted: Preprocessing, node_names: dict[str, str]) -> Output:
    """Reverse the channels, subtract the mean and multiply by the scale, as far as they are wanted.

    `node_names` gets OpenVINO's own name of each new node, with the name that the node is to have.
    """
    if wanted.reverse:
        channels = op.split(top, integers(1), shape(top)[1]).outputs()
        top = op.concat(channels[::-1], 1).output(0)
        node_names[top.get_node().get_name()] = f"{name}/reverse_channels"
    for values, make, word in ((wanted.mean, op.subtract, "mean"), (wanted.scale, op.multiply, "scale")):
        if values is not None:
            # Not for a list of numbers, whose only axis is the batch.
            whole = values[None] if len(shape(top)) > 1 else values
            top = make(top, constant(whole)).output(0)
            node_names[top.get_node().get_name()] = f"{name}/{word}"
    return top
