"""How channels go through a net, layer by layer.

A type that is not in `FLOWS` has to see all channels, so those that it reads stay.
"""

from __future__ import annotations

import numpy as np

from caffe_io.graph import NetGraph, Version

from . import arrangement, channelwise, filters
from .channels import Channels
from .model import Model
from .steps import Flow, Found, Stays


def follow(model: Model, tops: dict[str, int]) -> Channels:
    """Return the channels of all prototxts and phases of `model`; `tops` as in `Channels`."""
    channels = Channels(model, tops)
    for graph in model.graphs():
        _follow_graph(channels, graph)
    channels.close()
    return channels


def _follow_graph(channels: Channels, graph: NetGraph) -> None:
    found: dict[Version, Found] = {}
    for node in graph.nodes:
        layer = node.layer
        bottoms = [found.get(bottom) for bottom in node.bottoms]
        try:
            if channels.model.shares_weights(layer.name):
                raise Stays("shares its weights with another layer (param { name }).")
            flow = FLOWS.get(layer.type)
            if flow is None:
                raise Stays(f"is of type {layer.type}, which has to see all channels.")
            top = flow(channels, node, bottoms)
        except Stays as stays:
            reason = f'layer "{layer.name}" {stays}'
            channels.refuse(layer.name, reason)
            for numbers in bottoms:
                channels.freeze(numbers, reason)
            top = None
        if layer.type != "Slice":
            found.update(dict.fromkeys(node.tops, top))
        elif top is not None:
            found.update(
                zip(node.tops, np.split(top, arrangement.points(layer, len(top), len(node.tops))), strict=True)
            )
    for version in graph.outputs():
        channels.freeze(found.get(version), f'"{version.name}" is an output of the net.')


_KEEPING = (
    *("AbsVal", "BNLL", "Clip", "Dropout", "ELU", "Exp", "Log", "Power", "ReLU", "ReLU6", "Sigmoid", "Swish", "TanH"),
    *("Threshold", "Pooling", "Split"),
)
FLOWS: dict[str, Flow] = {
    **dict.fromkeys(_KEEPING, channelwise.keep),
    "BatchNorm": channelwise.batch_norm,
    "Bias": channelwise.bias,
    "Concat": arrangement.concat,
    "Convolution": filters.convolution,
    "ConvolutionDepthwise": filters.convolution,
    "Crop": arrangement.crop,
    "Deconvolution": filters.convolution,
    "DepthwiseConvolution": filters.convolution,
    "Eltwise": arrangement.eltwise,
    "Flatten": arrangement.flatten,
    "InnerProduct": filters.inner_product,
    "LRN": channelwise.lrn,
    "MVN": channelwise.mvn,
    "PReLU": channelwise.prelu,
    "PriorBox": arrangement.no_channels,
    "PriorBoxClustered": arrangement.no_channels,
    "Scale": channelwise.scale,
    "Silence": arrangement.no_channels,
    "Slice": arrangement.cut,
}
