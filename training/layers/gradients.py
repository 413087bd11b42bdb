"""Gradients that are not PyTorch's: bottoms without one, and weights whose gradient Caffe replaces.

Labels, indices, selectors and numbers that are compared with a threshold have no gradient.

Caffe adds up the gradients of a weight: with iter_size over several batches, and with shared weights over several layers.
Two layers write over the sum instead (BVLC/caffe#6604): Scale, where it needs no sum over the batch, and Parameter. We do
the same unless Context.caffe_bugs is off.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .base import Layer


def without_gradient(layer: Layer, top: Tensor, bottom: Tensor) -> Tensor:
    """Return `top`, which was computed from `bottom` in a way that has no derivative.

    Raises LayerError in backward if a gradient for `bottom` is needed (Caffe aborts there). Branches without a loss are
    unaffected.
    """
    if not (torch.is_grad_enabled() and bottom.requires_grad):
        return top
    passed: Tensor = _NoGradient.apply(top, bottom, layer)  # type: ignore[no-untyped-call]
    return passed


def gradient_written(weight: Tensor, replaces: bool) -> Tensor:
    """Return the weight itself. In the backward pass its gradient is written at once, over the earlier ones or added to them.

    PyTorch would first add up what all layers give that share the weight, so the order of the layers would be lost.
    """
    written: Tensor = _Written.apply(weight, replaces)  # type: ignore[no-untyped-call]
    return written


class _NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, top: Tensor, bottom: Tensor, layer: Layer) -> Tensor:
        ctx.layer = layer
        return top.view_as(top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        layer: Layer = ctx.layer
        raise layer.error(
            "a loss depends on weights through a bottom of this layer that has no gradient. "
            "Write propagate_down: false for that bottom, lr_mult: 0 for those weights, or take the loss out."
        )


class _Written(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, replaces: bool) -> Tensor:
        # Weights that are shared in another shape are a view, whose base has the grad.
        ctx.owner = weight if weight._base is None else weight._base
        ctx.replaces = replaces
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None]:
        owner = ctx.owner
        gradient = gradients[0].reshape(owner.shape)
        if ctx.replaces or owner.grad is None:
            owner.grad = gradient.clone()
        else:
            owner.grad = owner.grad + gradient
        return None, None
