"""DummyData: tops that fillers fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter

from ..base import Shape
from ..fillers import fill
from .source import Source

T = TypeVar("T")


class DummyData(Source):
    """Fill each top with its data_filler in each forward pass; constant tops (0 without a filler) are filled once.

    Shapes and fillers are given once for all tops, or once for each.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.dummy_data_param
        old = [getattr(p, field) for field in ("num", "channels", "height", "width")]
        if any(old) and p.shape:
            raise self.error("has both shape and num, channels, height, width; write shape.")
        columns = [self._each(list(sizes), "of num, channels, height and width") for sizes in old] if any(old) else []
        given = list(zip(*columns, strict=True)) or [tuple(s.dim) for s in self._each(list(p.shape), "shape")]
        self._shapes: list[Shape] = [tuple(shape) for shape in given]
        fillers = list(p.data_filler) or [FillerParameter(type="constant")]
        self._fillers = self._each(fillers, "data_filler")
        pairs = zip(self._shapes, self._fillers, strict=True)
        self.filled_once = [self._fill(*pair) if pair[1].type == "constant" else None for pair in pairs]
        return self._shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [
            self._fill(shape, filler) if constant is None else constant
            for shape, filler, constant in zip(self._shapes, self._fillers, self.filled_once, strict=True)
        ]

    def _fill(self, shape: Shape, filler: FillerParameter) -> Tensor:
        return fill(shape, filler, self.context.generator, self.name).to(self.context.device)

    def _each(self, given: list[T], what: str) -> list[T]:
        """Return one of `given` for each top; a single one counts for all."""
        count = len(self.param.top)
        if len(given) not in (1, count):
            raise self.error(f"has {count} tops and {len(given)} {what}; expected one, or one for each top.")
        return given * count if len(given) == 1 else given
