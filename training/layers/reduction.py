"""Reduction and ArgMax: reduce many numbers to one or a few."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import ReductionParameter

from .base import Layer, Shape
from .gradients import without_gradient


class Reduction(Layer):
    """Compute coeff times the SUM, ASUM, SUMSQ or MEAN of all numbers in the axes from `axis` on.

    ASUM is the sum of absolute values, SUMSQ the sum of squares.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.first = self.resolve_axis(self.param.reduction_param.axis, shapes[0])
        return [shapes[0][: self.first]]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.reduction_param
        x = bottoms[0].float().flatten(self.first)
        if p.operation == ReductionParameter.MEAN:
            return [x.mean(-1) * p.coeff]
        if p.operation == ReductionParameter.ASUM:
            x = x.abs()
        elif p.operation == ReductionParameter.SUMSQ:
            x = x.square()
        return [x.sum(-1) * p.coeff]


class ArgMax(Layer):
    """Find the indices of the top_k highest numbers along `axis`, or with out_max_val the numbers themselves.

    The highest comes first, of equal ones the last. Without `axis` each item of the batch is one vector:
    N x 1 x top_k (x 1 ...), or with out_max_val N x 2 x top_k, indices then numbers. It has no gradient.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.argmax_param, shapes[0]
        if not shape:
            raise self.error("expected a bottom with axes; found a single number.")
        self.axis = self.resolve_axis(p.axis, shape) if p.HasField("axis") else None
        size = math.prod(shape[1:]) if self.axis is None else shape[self.axis]
        if not 1 <= p.top_k <= size:
            raise self.error(f"top_k is {p.top_k}; expected 1 to {size}, the number of values.")
        if self.axis is not None:
            self.top_shape = (*shape[: self.axis], p.top_k, *shape[self.axis + 1 :])
        else:
            self.top_shape = (shape[0], 2 if p.out_max_val else 1, p.top_k, *[1] * (len(shape) - 3))
        return [self.top_shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.argmax_param
        x, axis = (bottoms[0].reshape(len(bottoms[0]), -1), 1) if self.axis is None else (bottoms[0], self.axis)
        # float32 because of the indices: bf16 has no whole numbers above 256.
        values, places = x.detach().float().flip(axis).sort(stable=True, dim=axis, descending=True)
        values = values.narrow(axis, 0, p.top_k)
        indices = (x.shape[axis] - 1 - places.narrow(axis, 0, p.top_k)).to(values.dtype)
        if not p.out_max_val:
            top = indices
        elif self.axis is None:
            top = torch.stack([indices, values], 1)
        else:
            top = values
        return [without_gradient(self, top.reshape(self.top_shape), bottoms[0])]
