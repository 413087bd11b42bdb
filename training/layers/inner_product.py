"""InnerProduct: fully connected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .base import Layer, Shape


class InnerProduct(Layer):
    """All axes from `axis` on are one vector of inputs. Weights: outputs x inputs (inputs x outputs with `transpose`)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.inner_product_param
        first = self.axis(p.axis, shapes[0])
        if not p.num_output:
            raise self.error("num_output is missing.")
        inputs = math.prod(shapes[0][first:])
        self.add_blob((inputs, p.num_output) if p.transpose else (p.num_output, inputs), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)
        return [(*shapes[0][:first], p.num_output)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.inner_product_param
        x = bottoms[0]
        flat = x.reshape(*x.shape[: self.axis(p.axis, tuple(x.shape))], -1)
        weight = self.blobs[0].t() if p.transpose else self.blobs[0]
        return [F.linear(flat, weight, self.blobs[1] if p.bias_term else None)]
