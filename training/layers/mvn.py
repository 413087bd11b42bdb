"""MVN: every picture, or every channel of it, to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .base import Layer, Shape


class MVN(Layer):
    """x - mean, over the numbers of a channel of a picture, or of the whole picture with across_channels; divided by the
    standard deviation plus eps with normalize_variance. The top always has four axes, as in Caffe."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        if not 1 <= len(shapes[0]) <= 4:
            raise self.error(f"wants a bottom of at most 4 axes; found {list(shapes[0])}.")
        return [(*shapes[0], 1, 1, 1)[:4]]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p, x = self.param.mvn_param, bottoms[0]
        x = x.reshape(*x.shape, *(1,) * (4 - x.dim())).float()
        over = (1, 2, 3) if p.across_channels else (2, 3)
        if not p.normalize_variance:
            return [x - x.mean(over, keepdim=True)]
        top: Tensor = _Normalised.apply(x, over, p.eps)  # type: ignore[no-untyped-call]
        return [top]


class _Normalised(torch.autograd.Function):
    """Caffe's gradient takes eps for 0 beside the deviation in one of its terms; it is finite where all numbers are equal."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, over: tuple[int, ...], eps: float) -> Tensor:
        centred = x - x.mean(over, keepdim=True)
        deviation = centred.square().mean(over, keepdim=True).sqrt_().add_(eps)
        top = centred / deviation
        ctx.save_for_backward(top, deviation)
        ctx.over = over
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        top, deviation = ctx.saved_tensors
        gradient = gradients[0]
        along = (gradient * top).mean(ctx.over, keepdim=True)
        return (gradient - gradient.mean(ctx.over, keepdim=True) - top * along) / deviation, None, None
