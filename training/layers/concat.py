"""Concat and Slice: blobs put together along an axis, and a blob cut along one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .base import Layer, Shape


class Concat(Layer):
    """The bottoms one behind the other along `axis` (formerly concat_dim)."""

    bottoms = (1, None)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.concat_param
        self.along = one_axis(
            self, p.HasField("axis"), p.axis, "concat_dim", p.HasField("concat_dim"), p.concat_dim, shapes[0]
        )
        first = shapes[0]
        for shape in shapes[1:]:
            if len(shape) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(first, shape, strict=True)) if i != self.along
            ):
                raise self.error(
                    f"its bottoms differ not only in axis {self.along}: {', '.join(str(list(s)) for s in shapes)}."
                )
        return [(*first[: self.along], sum(s[self.along] for s in shapes), *first[self.along + 1 :])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [torch.cat(bottoms, self.along)]


class Slice(Layer):
    """The bottom cut along `axis` (formerly slice_dim) before each slice_point, or into equal parts, one for each top."""

    tops = (1, None)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.slice_param
        self.along = one_axis(
            self, p.HasField("axis"), p.axis, "slice_dim", p.HasField("slice_dim"), p.slice_dim, shapes[0]
        )
        size, tops = shapes[0][self.along], len(self.param.top)
        if p.slice_point:
            points = [0, *p.slice_point, size]
            if len(p.slice_point) != tops - 1 or any(a >= b for a, b in pairwise(points)):
                raise self.error(
                    f"slice_point {list(p.slice_point)} must be {tops - 1} rising number(s) between 0 and {size}, the size of "
                    f"axis {self.along}: one less than tops."
                )
            self.sizes = [b - a for a, b in pairwise(points)]
        elif size % tops:
            raise self.error(
                f"cannot cut axis {self.along} of {list(shapes[0])} into {tops} equal parts; write slice_point."
            )
        else:
            self.sizes = [size // tops] * tops
        return [(*shapes[0][: self.along], size, *shapes[0][self.along + 1 :]) for size in self.sizes]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return torch.split(bottoms[0], self.sizes, self.along)


def one_axis(layer: Layer, has_axis: bool, axis: int, old: str, has_old: bool, old_axis: int, shape: Shape) -> int:
    """The axis under its present or its former name."""
    if has_axis and has_old:
        raise layer.error(f"has both axis and {old}, which is its former name; write one of them.")
    return layer.axis(old_axis if has_old else axis, shape)


class Tile(Layer):
    """The bottom `tiles` times behind itself along `axis`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.tile_param
        self.along = self.axis(p.axis, shapes[0])
        if p.tiles < 1:
            raise self.error(f"tiles is {p.tiles or 'missing'}; wanted at least 1.")
        return [(*shapes[0][: self.along], shapes[0][self.along] * p.tiles, *shapes[0][self.along + 1 :])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [torch.cat([bottoms[0]] * self.param.tile_param.tiles, self.along)]
