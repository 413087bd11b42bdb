"""RegionYolo, which brings the last map of a YOLO net to shares and scores, and NormL2."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from common.messages import shape_text

from ..base import Layer, Shape


class RegionYolo(Layer):
    """Bring places in a cell, objectness and class scores to between 0 and 1 (Model Optimizer's name; YOLO v2 and v3).

    The bottom is N x (boxes x (coords + 1 + classes)) x H x W. With do_softmax (YOLO v2) there are `num` boxes, classes are
    a softmax, and the top is flattened to N x numbers. Without (YOLO v3), each class is a sigmoid of its own, and the boxes are
    those of `mask`.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.region_yolo_param, shapes[0]
        self.boxes = p.num if p.do_softmax else len(p.mask)
        channels = self.boxes * (p.coords + 1 + p.classes)
        if len(shape) != 4 or self.boxes < 1 or p.coords < 2 or p.classes < 1 or shape[1] != channels:
            raise self.error(
                f"its bottom is {shape_text(shape)}; expected Nx{channels}xHxW, {p.coords} + 1 + {p.classes} numbers for each "
                f"of {self.boxes} boxes ({'num' if p.do_softmax else 'mask'})."
            )
        return [(shape[0], math.prod(shape[1:])) if p.do_softmax else shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p, x = self.param.region_yolo_param, bottoms[0]
        apart = x.reshape(x.shape[0], self.boxes, -1, *x.shape[2:])
        places, sizes, thing, classes = torch.split(apart, [2, p.coords - 2, 1, p.classes], 2)
        shares = classes.softmax(2) if p.do_softmax else classes.sigmoid()
        top = torch.cat([places.sigmoid(), sizes, thing.sigmoid(), shares], 2)
        return [top.flatten(1) if p.do_softmax else top.flatten(1, 2)]


class NormL2(Layer):
    """Divide an embedding by its length: x / sqrt(sum of squares + 1e-7) (from ArcFace's fork).

    Of a map with several pixels, forks disagree about what is normalised, so it is refused.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        if len(shapes[0]) < 2 or math.prod(shapes[0][2:]) != 1:
            raise self.error(
                f"its bottom is {shape_text(shapes[0])}; expected NxC. Forks disagree about maps: write Normalize with "
                "norm_param { across_spatial: true } for the whole map, or false for each pixel."
            )
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x = bottoms[0]
        return [x * (x.square().sum(1, keepdim=True) + 1e-7).rsqrt()]
