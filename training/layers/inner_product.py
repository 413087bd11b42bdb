"""InnerProduct: the fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .base import Layer, Shape


class InnerProduct(Layer):
    """Multiply a vector of inputs by the weights; all axes from `axis` on form the vector.

    Weights: outputs x inputs (inputs x outputs with `transpose`), then bias.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.inner_product_param
        first = self.resolve_axis(p.axis, shapes[0])
        if not p.num_output:
            raise self.error("num_output is missing; expected at least 1.")
        inputs = math.prod(shapes[0][first:])
        self.add_blob((inputs, p.num_output) if p.transpose else (p.num_output, inputs), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)
        return [(*shapes[0][:first], p.num_output)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.inner_product_param
        x = bottoms[0]
        flat = x.reshape(*x.shape[: self.resolve_axis(p.axis, tuple(x.shape))], -1)
        weight = self.blobs[0].t() if p.transpose else self.blobs[0]
        return [F.linear(flat, weight, self.blobs[1] if p.bias_term else None)]
