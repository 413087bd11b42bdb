"""Weights whose gradient Caffe replaces, where it adds up those of all other weights (BVLC/caffe#6604).

With iter_size, gradients add up over several batches, and with shared weights over several layers. Two layers of Caffe write
over the sum instead: Scale, where it needs no sum over the batch, and Parameter. We do the same unless Context.caffe_bugs
is off.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def gradient_written(weight: Tensor, replaces: bool) -> Tensor:
    """Return the weight itself. In the backward pass its gradient is written at once, over the earlier ones or added to them.

    PyTorch would first add up what all layers give that share the weight, so the order of the layers would be lost.
    """
    written: Tensor = _Written.apply(weight, replaces)  # type: ignore[no-untyped-call]
    return written


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
