"""Bottoms that no gradient passes: labels, indices, selectors, numbers that are compared with a threshold."""

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
