"""Eltwise: several blobs of one shape made into one, number by number."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import EltwiseParameter

from .base import Layer, Shape


class Eltwise(Layer):
    """SUM (each bottom times its coeff), PROD or MAX."""

    bottoms = (2, None)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.eltwise_param
        if len(p.coeff) not in (0, len(shapes)):
            raise self.error(f"has {len(p.coeff)} coeff and {len(shapes)} bottoms; wanted one for each, or none.")
        if p.coeff and p.operation == EltwiseParameter.PROD:
            raise self.error("coeff belongs to SUM; PROD takes none.")
        if any(shape != shapes[0] for shape in shapes):
            raise self.error(f"its bottoms have different shapes: {', '.join(str(list(s)) for s in shapes)}.")
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
            # As in Caffe the gradient goes to one bottom: of equal ones to the second of the first two, else to the earlier.
            top = torch.where(top > bottoms[1], top, bottoms[1])
            for bottom in bottoms[2:]:
                top = torch.where(bottom > top, bottom, top)
        return [top]
