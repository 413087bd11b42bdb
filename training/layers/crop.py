"""Crop."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .base import Layer, Shape


class Crop(Layer):
    """Bottom 1 cut to the size of bottom 2 in the axes from `axis` on, beginning at `offset` (none: 0; one for all axes, or one
    for each). Of bottom 2 only the shape counts."""

    bottoms = (2, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, (shape, like) = self.param.crop_param, shapes
        first = self.axis(p.axis, shape)
        cut = len(shape) - first
        if len(p.offset) not in (0, 1, cut):
            raise self.error(
                f"has {len(p.offset)} offsets; wanted one for all {cut} axes from axis {first} on, or {cut}."
            )
        if len(like) < len(shape):
            raise self.error(f"its second bottom {list(like)} has fewer axes than the first, {list(shape)}.")
        offsets = list(p.offset) * (1 if len(p.offset) == cut else cut) or [0] * cut
        self.places = [slice(None)] * first
        for axis, offset in enumerate(offsets, first):
            if offset + like[axis] > shape[axis]:
                raise self.error(
                    f"cannot cut {like[axis]} from {offset} on out of axis {axis} of its bottom {list(shape)}."
                )
            self.places.append(slice(offset, offset + like[axis]))
        return [(*shape[:first], *like[first : len(shape)])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0][tuple(self.places)]]
