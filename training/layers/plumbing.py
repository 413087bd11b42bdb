"""Layers that only lead blobs somewhere: Parameter, Silence, Split."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter

from .base import Layer, Shape
from .shape import not_in_place


class Parameter(Layer):
    """A weight of `shape` as a blob; it begins at 0."""

    bottoms = (0, 0)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        shape = tuple(self.param.parameter_param.shape.dim)
        if min(shape, default=1) < 1:
            raise self.error(f"parameter_param's shape {list(shape)} must be of sizes of at least 1.")
        self.add_blob(shape, FillerParameter())
        return [shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return self.blobs


class Silence(Layer):
    """Takes blobs that nobody else takes, so that they are no outputs of the net."""

    bottoms = (1, None)
    tops = (0, 0)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        return []

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return []


class Split(Layer):
    """The bottom under several names."""

    tops = (1, None)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        not_in_place(self)
        return shapes * len(self.param.top)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return bottoms * len(self.param.top)
