"""Layers in place, and the layers before them: Caffe computes their gradients from overwritten values.

A blob of Caffe has one data and one diff. A layer in place writes its top over its bottom, and its bottom's gradient over
its top's. Later layers in place overwrite the values again. A backward pass may then read other values than its forward
pass did. Clip in place finds every value inside its range, and lets every gradient pass. Power and Log in place find their
own factor where the gradient was, and square it. Sigmoid with a Dropout in place on its top reads the values that Dropout
has scaled up. Nets were trained so, and GRADIENTS reproduces it.

Two cases differ from Caffe. Where its result depends on the build (MVN in place) or is spoilt (InPlace.SPOILT), the layer
computes as if its top had a name of its own, and a warning says so. Swish and LRN before such layers keep their own
gradient, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.graph import NetGraph, Node
from caffe_io.layer_types import InPlace, layer_type
from common.commands import LOGGER

from ..layers import Layer
from ..layers.neuron import log_of_base

# (layer, bottom, top, gradient of the top), with the values that the blobs hold in backward -> gradient of the bottom
Gradient = Callable[[Layer, Tensor, Tensor, Tensor], Tensor]


def _clip(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    p = layer.param.clip_param
    return diff * ((bottom >= p.min) & (bottom <= p.max))


def _relu(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return torch.where(bottom > 0, diff, diff * layer.param.relu_param.negative_slope)


def _elu(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return torch.where(bottom > 0, diff, diff * (layer.param.elu_param.alpha + top))


def _bnll(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return diff * bottom.clamp(max=50).sigmoid()


def _exp(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    p = layer.param.exp_param
    return diff * top * (p.scale * log_of_base(layer, p))


def _sigmoid(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return diff * top * (1 - top)


def _tanh(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return diff * (1 - top * top)


def _softmax(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    return top * (diff - (top * diff).sum(layer.param.softmax_param.axis, keepdim=True))


def _log_in_place(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    p = layer.param.log_param
    return (p.scale / log_of_base(layer, p) / (bottom * p.scale + p.shift)).square()


def _power(layer: Layer, bottom: Tensor, top: Tensor, diff: Tensor) -> Tensor:
    p = layer.param.power_param
    factor = p.power * p.scale
    if factor == 0 or p.power == 1:
        slope = torch.full_like(diff, factor)
    elif p.power == 2:
        slope = factor * (p.scale * bottom + p.shift)
    else:
        slope = top / bottom * p.power if p.shift == 0 else top / (bottom * p.scale + p.shift) * factor
    return slope * (slope if layer.in_place else diff)


GRADIENTS: dict[str, Gradient] = {
    "BNLL": _bnll,
    "Clip": _clip,
    "ELU": _elu,
    "Exp": _exp,
    "Log": _log_in_place,
    "Power": _power,
    "ReLU": _relu,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "TanH": _tanh,
}


def find_overwritten(graph: NetGraph) -> dict[int, Gradient]:
    """Return the gradients of the layers that Caffe computes from overwritten values, by the index of the layer.

    Warns of layers in place whose result in Caffe is spoilt.
    """
    found: dict[int, Gradient] = {}
    for node in graph.nodes:
        if node.in_place and _is_spoilt(node.layer):
            logging.getLogger(LOGGER).warning(
                'layer "%s" (%s): in place, Caffe reads values here that it has overwritten. We compute as if its top had '
                "a name of its own. Give it one, and both compute the same.",
                *(node.layer.name, node.layer.type),
            )
        if node.layer.type in GRADIENTS and _reads_overwritten(node):
            found[node.index] = GRADIENTS[node.layer.type]
    return found


def overwrites_unread_top(node: Node) -> bool:
    """Whether a layer works in place on a top that our backward pass of its producer does not read.

    No other layer has read that top; `net_check` sees to it, as Caffe does.
    """
    if not node.in_place:
        return False
    producer = node.bottoms[0].producer
    return producer is not None and layer_type(producer.node.layer.type).top_overwritable


def run_overwritten(
    layer: Layer, bottom: Tensor, gradient: Gradient, blobs: Callable[[], Mapping[str, Tensor]]
) -> Tensor:
    """Return the top of `layer`, whose backward pass computes `gradient` from the values that `blobs` returns by then."""
    top: Tensor = _Overwritten.apply(bottom, layer, gradient, blobs)  # type: ignore[no-untyped-call]
    return top


class _Overwritten(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, bottom: Tensor, layer: Layer, gradient: Gradient, blobs: Callable[[], Mapping[str, Tensor]]
    ) -> Tensor:
        ctx.layer = layer
        ctx.gradient = gradient
        ctx.blobs = blobs
        if not layer.in_place:
            ctx.save_for_backward(bottom)
        top = layer.forward([bottom])[0]
        return top.view_as(top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        top = ctx.blobs()[ctx.layer.param.top[0]].detach()
        bottom = top if ctx.layer.in_place else ctx.saved_tensors[0]
        return ctx.gradient(ctx.layer, bottom, top, gradients[0]), None, None, None


def _is_spoilt(layer: LayerParameter) -> bool:
    if layer.type == "MVN" and not layer.mvn_param.normalize_variance:
        return False
    return layer_type(layer.type).in_place is InPlace.SPOILT


def _reads_overwritten(node: Node) -> bool:
    """Whether Caffe's gradient of a layer of GRADIENTS is another than that of its forward pass."""
    layer = node.layer
    reads_top = layer_type(layer.type).backward_reads_top
    overwriters = list(node.tops[0].overwriters()) if node.tops else []
    if not node.in_place:
        return bool(overwriters) and reads_top
    if layer.type == "Power":
        return True
    if layer.type == "ReLU":
        return layer.relu_param.negative_slope < 0 or not all(_keeps_signs(each.layer) for each in overwriters)
    if layer.type == "ELU" and layer.elu_param.alpha < 0:
        return True
    return bool(overwriters) or not reads_top


def _keeps_signs(layer: LayerParameter) -> bool:
    return layer.type == "Dropout" or (layer.type == "ReLU" and layer.relu_param.negative_slope >= 0)
