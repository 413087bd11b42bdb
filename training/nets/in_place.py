"""Layers in place, and before those in place: the gradients that Caffe computes from numbers that were overwritten.

A blob of Caffe has one data and one diff. A layer in place writes its top over its bottom, and its bottom's gradient over
its top's; later layers in place write over the numbers again. What a layer's backward pass reads may then be something else
than what its forward pass saw: Clip in place finds all numbers inside its range, and lets all gradients pass; Power and Log
in place find their own factor where the gradient was, and square it; Sigmoid with a Dropout in place on its top takes the
numbers that Dropout has enlarged. Nets were trained so, and their gradients are the same here: GRADIENTS.

Where Caffe's own result depends on the build (MVN in place), or is no more than a damaged sum (SPOILT), the layer computes here
as if its top had a name of its own, and a warning tells so. Of Swish and LRN before such layers the gradient is their own, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from common.commands import LOGGER

from ..layers import Layer
from ..layers.neuron import log_of_base

Gradient = Callable[[Layer, Tensor, Tensor, Tensor], Tensor]  # (layer, bottom, top, gradient of the top), as they stand

SPOILT = {"Convolution", "Deconvolution", "Eltwise", "Im2col", "LRN", "MVN", "Pooling"}


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
_READ_TOPS = {"ELU", "Exp", "Sigmoid", "Softmax", "TanH"}  # in backward, of their own top; Power does so, too


def find_overwritten(layers: Sequence[Layer]) -> dict[int, Gradient]:
    """The layers, by index, whose gradient in Caffe is not that of their forward pass, and Caffe's gradient of each.

    Warns of layers in place that have none, where Caffe's result is another than here.
    """
    found: dict[int, Gradient] = {}
    for index, layer in enumerate(layers):
        kind, p = layer.param.type, layer.param
        in_place = layer.in_place
        if in_place and kind in SPOILT and not (kind == "MVN" and not p.mvn_param.normalize_variance):
            logging.getLogger(LOGGER).warning(
                'layer "%s" (%s): in place it reads in Caffe numbers that it has written over. Here it computes as if its top '
                "had a name of its own; give it one, and both do the same.",
                *(layer.name, kind),
            )
        if kind not in GRADIENTS:
            continue
        over = _writers_over(layers, index)
        if not in_place:
            other = over and kind in {*_READ_TOPS, "Power"}
        elif kind == "ReLU":
            other = p.relu_param.negative_slope < 0 or not all(_keeps_signs(each) for each in over)
        else:
            other = over or kind not in _READ_TOPS or (kind == "ELU" and p.elu_param.alpha < 0)
        if other:
            found[index] = GRADIENTS[kind]
    return found


def run_overwritten(
    layer: Layer, bottom: Tensor, gradient: Gradient, blobs: Callable[[], Mapping[str, Tensor]]
) -> Tensor:
    """The top of `layer`; in backward it has `gradient`. `blobs` gives all blobs as they then stand."""
    top: Tensor = _Overwritten.apply(bottom, layer, gradient, blobs)  # type: ignore[no-untyped-call]
    return top


class _Overwritten(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, bottom: Tensor, layer: Layer, gradient: Gradient, blobs: Callable[[], Mapping[str, Tensor]]
    ) -> Tensor:
        ctx.layer, ctx.gradient, ctx.blobs = layer, gradient, blobs
        if not layer.in_place:
            ctx.save_for_backward(bottom)
        top = layer.forward([bottom])[0]
        return top.view_as(top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        top = ctx.blobs()[ctx.layer.param.top[0]].detach()
        bottom = top if ctx.layer.in_place else ctx.saved_tensors[0]
        return ctx.gradient(ctx.layer, bottom, top, gradients[0]), None, None, None


def _writers_over(layers: Sequence[Layer], index: int) -> list[Layer]:
    """The later layers in place on the first top of a layer."""
    top = layers[index].param.top[:1]
    users = [layer for layer in layers[index + 1 :] if top and top[0] in layer.param.bottom]
    return [layer for layer in users if layer.param.top[:1] == top]


def _keeps_signs(layer: Layer) -> bool:
    return layer.param.type == "Dropout" or (layer.param.type == "ReLU" and layer.param.relu_param.negative_slope >= 0)
