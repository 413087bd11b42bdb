"""Input: blobs that the caller fills."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..base import Shape
from .source import Source


class Input(Source):
    """Make one top for each shape, or all tops of one shape. The caller of the net gives the values."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        given = [tuple(shape.dim) for shape in self.param.input_param.shape]
        if len(given) == 1:
            given *= len(self.param.top)
        if len(given) != len(self.param.top):
            raise self.error(
                f"has {len(self.param.top)} tops and {len(given)} shapes; expected one shape, or one for each top."
            )
        return given

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        raise self.error("has no values. Feed its tops before running the net.")
