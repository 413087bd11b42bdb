"""Layers in place, and the layers before them: Caffe computes their gradients from overwritten values.

A blob of Caffe has one data and one diff. A layer in place writes its top over its bottom, and its bottom's gradient over
its top's. Later layers in place overwrite the values again. A backward pass may then read other values than its forward
pass did. Clip in place finds every value inside its range, and lets every gradient pass. Power and Log in place find their
own factor where the gradient was, and square it. Sigmoid with a Dropout in place on its top reads the values that Dropout
has scaled up. Nets were trained so, and GRADIENTS reproduces it. `shared_memory` does for layers in place on a blob that shares
its memory with others.

Three cases differ from Caffe, and a warning names the layer. Where Caffe's result depends on the build (MVN in place) or is
spoilt (InPlace.SPOILT), the layer computes as if its top had a name of its own. Layers whose backward pass we do not follow that
far, such as Swish and LRN before layers in place, keep their own gradient. A loss_weight keeps its value, where a layer in place
makes Caffe write the gradient over it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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


_OWN_TOPS = "Give the top of each layer in place a name of its own, and both compute the same."


def find_overwritten(graph: NetGraph) -> dict[int, Gradient]:
    """Return the gradients of the layers that Caffe computes from overwritten values, by the index of the layer.

    Warns of layers that compute something else here than in Caffe.
    """
    found: dict[int, Gradient] = {}
    for node in graph.nodes:
        if difference := _difference(node):
            logging.getLogger(LOGGER).warning('layer "%s" (%s): %s', node.layer.name, node.layer.type, difference)
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


def _difference(node: Node) -> str:
    """What Caffe computes here that we do not, and what to do about it; empty if both compute the same."""
    if node.in_place and _is_spoilt(node.layer):
        return (
            "in place, Caffe reads values here that it has overwritten. We compute as if its top had a name of its own. "
            "Give it one, and both compute the same."
        )
    row = layer_type(node.layer.type)
    if _only_subtracts_mean(node.layer):
        row = replace(row, unfollowed_top=None)
    if _divides_by_bottom(node.layer):
        row = replace(row, unfollowed_top=0)
    for blobs, number in ((node.tops, row.unfollowed_top), (node.bottoms, row.unfollowed_bottom)):
        later = blobs[number].overwriters() if number is not None and number < len(blobs) else []
        if others := [each for each in later if each is not node]:
            return (
                f'in Caffe, its backward pass reads "{blobs[number or 0].name}" after {_names(others)} in place has overwritten '
                f"it. We compute with the numbers before. {_OWN_TOPS}"
            )
    for top in node.tops:
        others = top.overwriters() if top.is_split else top.memory.writers
        if top.loss_weight and others:
            return (
                f'its top "{top.name}" has a loss_weight, and {_names(others)} in place uses its memory. In Caffe, that changes '
                f"the value or the weight of this loss; here it does not. {_OWN_TOPS}"
            )
    return ""


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(f'"{node.layer.name}" ({node.layer.type})' for node in nodes)


def _is_spoilt(layer: LayerParameter) -> bool:
    return layer_type(layer.type).in_place is InPlace.SPOILT and not _only_subtracts_mean(layer)


def _only_subtracts_mean(layer: LayerParameter) -> bool:
    return layer.type == "MVN" and not layer.mvn_param.normalize_variance


def _divides_by_bottom(layer: LayerParameter) -> bool:
    p = layer.eltwise_param
    return layer.type == "Eltwise" and p.operation == p.PROD and not p.stable_prod_grad


def _reads_overwritten(node: Node) -> bool:
    """Whether Caffe's gradient of a layer of GRADIENTS is another than that of its forward pass."""
    layer, row = node.layer, layer_type(node.layer.type)
    reads_top = row.backward_reads_top
    overwriters = node.tops[0].overwriters() if node.tops else []
    if not node.in_place:
        reads_bottom = row.backward_reads_bottom and any(
            each.index > node.index for each in node.bottoms[0].overwriters()
        )
        return (bool(overwriters) and reads_top) or reads_bottom
    if layer.type == "Power":
        return True
    if layer.type == "ReLU":
        return layer.relu_param.negative_slope < 0 or not all(_keeps_signs(each.layer) for each in overwriters)
    if layer.type == "ELU" and layer.elu_param.alpha < 0:
        return True
    return bool(overwriters) or not reads_top


def _keeps_signs(layer: LayerParameter) -> bool:
    return layer.type == "Dropout" or (layer.type == "ReLU" and layer.relu_param.negative_slope >= 0)
