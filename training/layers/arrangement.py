"""Layers that join, cut, reorder or pass on numbers without computing with them.

Concat, Slice, Tile, Crop; Flatten, Reshape, Permute; Parameter, Silence, Split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import ConcatParameter, FillerParameter, SliceParameter
from common.messages import shape_text

from .base import Layer, Shape, shape_list
from .gradients import gradient_written


class Concat(Layer):
    """Join the bottoms along `axis` (formerly concat_dim)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.axis = _axis_by_either_name(self, self.param.concat_param, "concat_dim", shapes[0])
        first = shapes[0]
        for shape in shapes[1:]:
            if len(shape) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(first, shape, strict=True)) if i != self.axis
            ):
                raise self.error(f"its bottoms differ in more than axis {self.axis}: {shape_list(shapes)}.")
        return [(*first[: self.axis], sum(shape[self.axis] for shape in shapes), *first[self.axis + 1 :])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return bottoms if len(bottoms) == 1 else [torch.cat(bottoms, self.axis)]


class Slice(Layer):
    """Cut the bottom along `axis` (formerly slice_dim) before each slice_point, or into equal parts; one top for each."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.slice_param
        self.axis = _axis_by_either_name(self, p, "slice_dim", shapes[0])
        size, tops = shapes[0][self.axis], len(self.param.top)
        if p.slice_point:
            points = [0, *p.slice_point, size]
            if len(p.slice_point) != tops - 1 or any(a >= b for a, b in pairwise(points)):
                raise self.error(
                    f"slice_point is {', '.join(map(str, p.slice_point))}; expected {tops - 1} rising number(s), one less "
                    f"than tops, between 0 and {size}, the size of axis {self.axis}."
                )
            self.sizes = [b - a for a, b in pairwise(points)]
        elif size % tops:
            raise self.error(
                f"cannot cut axis {self.axis} of {shape_text(shapes[0])} into {tops} equal parts. Write slice_point."
            )
        else:
            self.sizes = [size // tops] * tops
        return [(*shapes[0][: self.axis], size, *shapes[0][self.axis + 1 :]) for size in self.sizes]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return torch.split(bottoms[0], self.sizes, self.axis)


def _axis_by_either_name(layer: Layer, p: ConcatParameter | SliceParameter, former: str, shape: Shape) -> int:
    """Return the axis that is written under its present or its former name."""
    has_former = p.HasField(former)  # type: ignore[arg-type]  # concat_dim or slice_dim, whichever `p` has
    if has_former and p.HasField("axis"):
        raise layer.error(f"has both axis and {former}, its former name; write axis.")
    return layer.resolve_axis(getattr(p, former) if has_former else p.axis, shape)


class Tile(Layer):
    """Repeat the bottom `tiles` times along `axis`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.tile_param
        self.axis = self.resolve_axis(p.axis, shapes[0])
        if p.tiles < 1:
            raise self.error(f"tiles is {p.tiles or 'missing'}; expected at least 1.")
        return [(*shapes[0][: self.axis], shapes[0][self.axis] * p.tiles, *shapes[0][self.axis + 1 :])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [torch.cat([bottoms[0]] * self.param.tile_param.tiles, self.axis)]


class Crop(Layer):
    """Cut the first bottom to the size of the second in the axes from `axis` on.

    `offset` says where to begin: nothing means 0, one number counts for all axes, or there is one for each. Of the
    second bottom only the shape counts.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, (shape, like) = self.param.crop_param, shapes
        first = self.resolve_axis(p.axis, shape)
        count = len(shape) - first
        if len(p.offset) not in (0, 1, count):
            raise self.error(
                f"has {len(p.offset)} offsets; expected one for all {count} axes from axis {first} on, or {count}."
            )
        if len(like) < len(shape):
            raise self.error(
                f"its second bottom {shape_text(like)} has fewer axes than the first, {shape_text(shape)}."
            )
        offsets = list(p.offset) * (1 if len(p.offset) == count else count) or [0] * count
        self.slices = [slice(None)] * first
        for axis, offset in enumerate(offsets, first):
            if offset + like[axis] > shape[axis]:
                raise self.error(
                    f"cannot cut {like[axis]} starting at {offset} from axis {axis} of its bottom {shape_text(shape)}."
                )
            self.slices.append(slice(offset, offset + like[axis]))
        return [(*shape[:first], *like[first : len(shape)])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0][tuple(self.slices)]]


class Flatten(Layer):
    """Merge the axes from `axis` to `end_axis` into one; end_axis = axis - 1 inserts an axis of size 1."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.flatten_param, shapes[0]
        first, last = self.resolve_axis(p.axis, shape), self.resolve_axis(p.end_axis, shape)
        if last < first - 1:
            raise self.error(f"end_axis {p.end_axis} comes before axis {p.axis} in its bottom {shape_text(shape)}.")
        self.top_shape = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
        return [self.top_shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].reshape(self.top_shape)]


class Reshape(Layer):
    """Replace `num_axes` axes (-1: all the rest) starting at `axis` by `shape`; 0 copies the size, -1 is inferred.

    A negative axis counts from after the last one.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.reshape_param, shapes[0]
        first = p.axis if p.axis >= 0 else len(shape) + p.axis + 1
        last = len(shape) if p.num_axes == -1 else first + p.num_axes
        if not 0 <= first <= last <= len(shape):
            raise self.error(f"axis {p.axis} and num_axes {p.num_axes} do not fit its bottom {shape_text(shape)}.")
        new = list(p.shape.dim)
        for index, size in enumerate(new):
            if size == 0:
                if first + index >= len(shape):
                    raise self.error(
                        f"shape {shape_text(new)} has a 0 at index {index}, but its bottom {shape_text(shape)} has no axis there."
                    )
                new[index] = shape[first + index]
        target = [*shape[:first], *new, *shape[last:]]
        known = math.prod(size for size in target if size != -1)
        if new.count(-1) == 1 and known and math.prod(shape) % known == 0:
            target[target.index(-1)] = math.prod(shape) // known
        if min(target, default=0) < 0 or math.prod(target) != math.prod(shape):
            raise self.error(
                f"cannot reshape its bottom {shape_text(shape)} to {shape_text(target)}; expected {math.prod(shape)} numbers "
                "in all, and at most one -1."
            )
        self.top_shape = tuple(target)
        return [self.top_shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].reshape(self.top_shape)]


class Permute(Layer):
    """Put the axes into the order `order`; those that it leaves out follow in their own order.

    From the SSD fork (Liu et al. 2016).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        order, shape = list(self.param.permute_param.order), shapes[0]
        if len(set(order)) != len(order) or any(axis >= len(shape) for axis in order):
            raise self.error(f"order {order} must name axes of its bottom {shape_text(shape)}, each once.")
        self.order = [*order, *(axis for axis in range(len(shape)) if axis not in order)]
        return [tuple(shape[axis] for axis in self.order)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].permute(self.order)]


class Parameter(Layer):
    """Give a weight of `shape`, which starts at 0, as a blob."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        shape = tuple(self.param.parameter_param.shape.dim)
        if min(shape, default=1) < 1:
            raise self.error(f"parameter_param has the shape {shape_text(shape)}; expected sizes of at least 1.")
        self.add_blob(shape, FillerParameter())
        # Its top's diff is the weight's own.
        self.replaces_gradient = True
        return [shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [gradient_written(self.blobs[0], replaces=True)] if self.context.caffe_bugs else self.blobs


class Silence(Layer):
    """Consume blobs that no other layer consumes, so that they are not outputs of the net."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        return []

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return []


class Split(Layer):
    """Give the bottom several names."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        return shapes * len(self.param.top)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return bottoms * len(self.param.top)
