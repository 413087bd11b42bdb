"""Softmax."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .base import Layer, Shape


class Softmax(Layer):
    """Probabilities along `axis`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.along = self.axis(self.param.softmax_param.axis, shapes[0])
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].float().softmax(self.along)]
