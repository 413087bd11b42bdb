"""Eltwise: combine several blobs of one shape number by number."""

from __future__ import annotations

from collections.abc import Sequence

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
            for bottom in bottoms[1:]:
                top = top * bottom
        else:
            # As in Caffe, one bottom gets the gradient. If the first two are equal it is the second; later, the earlier one.
            top = torch.where(top > bottoms[1], top, bottoms[1])
            for bottom in bottoms[2:]:
                top = torch.where(bottom > top, bottom, top)
        return [top]
