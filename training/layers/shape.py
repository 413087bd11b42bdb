"""Flatten, Reshape, Permute: the same numbers in other shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from .base import Layer, Shape


class Flatten(Layer):
    """The axes from `axis` to `end_axis` made one; with end_axis = axis - 1 an axis of size 1 is put in."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.flatten_param, shapes[0]
        not_in_place(self)
        first, last = self.axis(p.axis, shape), self.axis(p.end_axis, shape)
        if last < first - 1:
            raise self.error(f"end_axis {p.end_axis} is before axis {p.axis} in its bottom {list(shape)}.")
        self.behind = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
        return [self.behind]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].reshape(self.behind)]


class Reshape(Layer):
    """`num_axes` axes (-1: all the rest) from `axis` on give way to `shape`, in which 0 keeps the bottom's size at its place
    and -1 is what is left. A negative axis counts from behind the last one."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.reshape_param, shapes[0]
        not_in_place(self)
        first = p.axis if p.axis >= 0 else len(shape) + p.axis + 1
        last = len(shape) if p.num_axes == -1 else first + p.num_axes
        if not 0 <= first <= last <= len(shape):
            raise self.error(f"axis {p.axis} and num_axes {p.num_axes} do not fit into its bottom {list(shape)}.")
        new = list(p.shape.dim)
        for index, size in enumerate(new):
            if size == 0:
                if first + index >= len(shape):
                    raise self.error(f"0 at place {index} of shape {new}: its bottom {list(shape)} has no axis there.")
                new[index] = shape[first + index]
        whole = [*shape[:first], *new, *shape[last:]]
        known = math.prod(size for size in whole if size != -1)
        if new.count(-1) == 1 and known and math.prod(shape) % known == 0:
            whole[whole.index(-1)] = math.prod(shape) // known
        if min(whole, default=0) < 0 or math.prod(whole) != math.prod(shape):
            raise self.error(
                f"cannot make {whole} of its bottom {list(shape)}: wanted {math.prod(shape)} numbers in all, and at most one -1."
            )
        self.behind = tuple(whole)
        return [self.behind]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].reshape(self.behind)]


class Permute(Layer):
    """The axes in the order `order`; those it leaves out follow in their own order. From the SSD fork (Liu et al. 2016)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        order, shape = list(self.param.permute_param.order), shapes[0]
        if len(set(order)) != len(order) or any(axis >= len(shape) for axis in order):
            raise self.error(f"order {order} must name axes of its bottom {list(shape)}, each once.")
        self.order = [*order, *(axis for axis in range(len(shape)) if axis not in order)]
        return [tuple(shape[axis] for axis in self.order)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].permute(self.order)]


def not_in_place(layer: Layer) -> None:
    """Raise LayerError if a top has a bottom's name."""
    if set(layer.param.top) & set(layer.param.bottom):
        raise layer.error("does not work in place; give its top a name of its own.")
