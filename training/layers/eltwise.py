"""Eltwise: combine several blobs of one shape number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import EltwiseParameter

from .base import Layer, Shape, shape_list


class Eltwise(Layer):
    """Compute the SUM (each bottom times its coeff), the PROD or the MAX."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.eltwise_param
        if len(p.coeff) not in (0, len(shapes)):
            raise self.error(f"has {len(p.coeff)} coeff and {len(shapes)} bottoms; expected one for each, or none.")
        if p.coeff and p.operation == EltwiseParameter.PROD:
            raise self.error("has coeff, which belongs to SUM; PROD takes none.")
        if any(shape != shapes[0] for shape in shapes):
            raise self.error(f"its bottoms have different shapes: {shape_list(shapes)}.")
        return shapes[:1]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.eltwise_param
        top = bottoms[0]
        if p.operation == EltwiseParameter.SUM:
            coeffs = list(p.coeff) or [1.0] * len(bottoms)
            top = top if coeffs[0] == 1 else top * coeffs[0]
            for bottom, coeff in zip(bottoms[1:], coeffs[1:], strict=True):
                top = torch.add(top, bottom, alpha=coeff)
        elif p.operation == EltwiseParameter.PROD:
            if len(bottoms) == 2 and p.stable_prod_grad:
                return [top * bottoms[1]]
            return [_Product.apply(p.stable_prod_grad, *bottoms)]  # type: ignore[no-untyped-call]
        else:
            # As in Caffe, one bottom gets the gradient. If the first two are equal it is the second; later, the earlier one.
            top = torch.where(top > bottoms[1], top, bottoms[1])
            for bottom in bottoms[2:]:
                top = torch.where(bottom > top, bottom, top)
        return [top]


class _Product(torch.autograd.Function):
    """The product whose backward pass reads what Caffe's reads: the bottoms, and with `stable_prod_grad: false` the top.

    Without `stable` the gradient is the top divided by the bottom, and NaN where the bottom is 0.
    """

    @staticmethod
    def forward(ctx: Any, stable: bool, *bottoms: Tensor) -> Tensor:
        ctx.stable = stable
        top = math.prod(bottoms[1:], start=bottoms[0])
        ctx.save_for_backward(*bottoms, top)
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *bottoms, top = ctx.saved_tensors
        found: list[Tensor | None] = [None]
        for number, bottom in enumerate(bottoms):
            if not ctx.needs_input_grad[number + 1]:
                found.append(None)
                continue
            others = top / bottom if not ctx.stable else math.prod(bottoms[:number] + bottoms[number + 1 :])
            found.append(others * gradients[0])
        return tuple(found)
