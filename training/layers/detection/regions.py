"""ROIPooling and PSROIPooling: from regions of any size to features of one size, in Fast R-CNN and R-FCN."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from common.messages import shape_text

from ..base import Layer, Shape, shape_list
from ..gradients import without_gradient


class RegionPooling(Layer):
    """What both have in common: a map N x C x H x W, and a row of number in the batch, xmin, ymin, xmax, ymax for each region."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        bottom, regions = shapes
        if len(bottom) != 4 or not regions or math.prod(regions) != 5 * regions[0]:
            raise self.error(f"its bottoms have the shapes {shape_list(shapes)}; expected N x C x H x W and R x 5.")
        return [(regions[0], *self._size(bottom))]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        regions = bottoms[1].detach().float().reshape(-1, 5)
        numbers = regions[:, 0].long()
        count = bottoms[0].shape[0]
        if bool(((numbers < 0) | (numbers >= count)).any()):
            wrong = numbers[(numbers < 0) | (numbers >= count)][0]
            raise self.error(
                f"a region is of picture {int(wrong)}; expected 0 to {count - 1}, as the batch has {count}."
            )
        return [without_gradient(self, self._pool(bottoms[0], numbers, regions[:, 1:]), bottoms[1])]

    def _size(self, bottom: Shape) -> Shape:
        """Check the settings, and return the shape that each region gets."""
        raise NotImplementedError

    def _pool(self, maps: Tensor, numbers: Tensor, boxes: Tensor) -> Tensor:
        raise NotImplementedError


class ROIPooling(RegionPooling):
    """Divide each region into pooled_h x pooled_w parts and take the maximum of each; 0 where a part lies outside the map.

    Corners are times spatial_scale and rounded; both ends belong to the region (Girshick 2015). Before that, MS-CNN's pad_ratio
    times a side is added at both of its ends.
    """

    def _size(self, bottom: Shape) -> Shape:
        p = self.param.roi_pooling_param
        if not p.pooled_h or not p.pooled_w:
            raise self.error("needs pooled_h and pooled_w of at least 1.")
        return (bottom[1], p.pooled_h, p.pooled_w)

    def _pool(self, maps: Tensor, numbers: Tensor, boxes: Tensor) -> Tensor:
        p = self.param.roi_pooling_param
        pad = (boxes[:, 2:] - boxes[:, :2] + 1) * p.pad_ratio
        corners = _rounded(torch.cat([boxes[:, :2] - pad, boxes[:, 2:] + pad], 1) * p.spatial_scale)
        sides = (corners[:, 2:] - corners[:, :2] + 1).clamp(min=1)
        rows = _parts(corners[:, 1], sides[:, 1] / p.pooled_h, p.pooled_h, maps.shape[2])
        columns = _parts(corners[:, 0], sides[:, 0] / p.pooled_w, p.pooled_w, maps.shape[3])
        return largest(maps, numbers, rows, columns)


class PSROIPooling(RegionPooling):
    """Divide each region into group_size x group_size parts, and average each in the channels that belong to its place.

    Corners are rounded, and then times spatial_scale; the end of a region belongs to it (Dai et al. 2016).
    """

    def _size(self, bottom: Shape) -> Shape:
        p = self.param.psroi_pooling_param
        needed = p.output_dim * p.group_size**2
        if p.output_dim < 1 or p.group_size < 1 or bottom[1] != needed:
            raise self.error(
                f"has output_dim {p.output_dim} and group_size {p.group_size}, and a bottom of {shape_text(bottom)}; expected "
                "both above 0, and output_dim x group_size x group_size channels."
            )
        return (p.output_dim, p.group_size, p.group_size)

    def _pool(self, maps: Tensor, numbers: Tensor, boxes: Tensor) -> Tensor:
        p = self.param.psroi_pooling_param
        begin = _rounded(boxes[:, :2]) * p.spatial_scale
        end = (_rounded(boxes[:, 2:]) + 1) * p.spatial_scale
        part = (end - begin).clamp(min=0.1) / p.group_size
        rows = _parts(begin[:, 1], part[:, 1], p.group_size, maps.shape[2], whole=False)
        columns = _parts(begin[:, 0], part[:, 0], p.group_size, maps.shape[3], whole=False)
        return averages(maps, numbers, rows, columns)


Ends = tuple[Tensor, Tensor]
"""First, and the one after the last, of each part of each region: R x parts, whole numbers inside the map."""


def largest(maps: Tensor, numbers: Tensor, rows: Ends, columns: Ends) -> Tensor:
    """Return the maximum of each part (rows, columns) of region r of maps[numbers[r]]: R x C x parts x parts.

    A window is covered by four overlapping ones whose sides are powers of two, and the maxima of these come from doubling.
    So the time grows with the numbers that are read once, not with the sizes of the regions.
    """
    channels, height, width = maps.shape[1:]
    top = rows[0][:, :, None], rows[1][:, :, None]
    left = columns[0][:, None, :], columns[1][:, None, :]
    shape = (len(numbers), rows[0].shape[1], columns[0].shape[1])
    levels = _level(top[1] - top[0]).expand(shape), _level(left[1] - left[0]).expand(shape)
    filled = ((top[1] > top[0]) & (left[1] > left[0])).expand(shape)
    pooled = maps.new_zeros((*shape, channels))
    by_rows = maps
    for high in range(int(levels[0].max()) + 1 if filled.any() else 0):
        if high:
            by_rows = _doubled(by_rows, 2 ** (high - 1), 2)
        table = by_rows
        for wide in range(int(levels[1].max()) + 1):
            if wide:
                table = _doubled(table, 2 ** (wide - 1), 3)
            these = filled & (levels[0] == high) & (levels[1] == wide)
            if not these.any():
                continue
            flat = table.permute(0, 2, 3, 1).reshape(-1, channels)
            best = None
            for y in (top[0], top[1] - 2**high):
                for x in (left[0], left[1] - 2**wide):
                    places = ((numbers[:, None, None] * height + y) * width + x).expand(shape)[these]
                    values = flat[places]
                    best = values if best is None else torch.maximum(best, values)
            assert best is not None
            pooled = pooled.index_put(these.nonzero(as_tuple=True), best)
    return pooled.permute(0, 3, 1, 2)


def averages(maps: Tensor, numbers: Tensor, rows: Ends, columns: Ends) -> Tensor:
    """Return the average of each part of region r in the channels of its place; 0 where a part is empty.

    The channels of `maps` are outputs x parts x parts. Each sum is four numbers of a summed area table, in double precision.
    """
    count, _, height, width = maps.shape
    parts = rows[0].shape[1]
    sums = torch.nn.functional.pad(maps.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    flat = sums.reshape(count, -1, parts, parts, (height + 1) * (width + 1))
    # parts x parts x pictures x places x outputs
    flat = flat.permute(2, 3, 0, 4, 1)
    place = torch.arange(parts, device=maps.device)

    def at(y: Tensor, x: Tensor) -> Tensor:
        places = y[:, :, None] * (width + 1) + x[:, None, :]
        return flat[place[:, None], place, numbers[:, None, None], places]

    whole = at(rows[1], columns[1]) - at(rows[0], columns[1]) - at(rows[1], columns[0]) + at(rows[0], columns[0])
    area = (rows[1] - rows[0]).clamp(min=0)[:, :, None] * (columns[1] - columns[0]).clamp(min=0)[:, None, :]
    mean = whole / area.clamp(min=1)[..., None] * (area > 0)[..., None]
    return mean.to(maps.dtype).permute(0, 3, 1, 2)


def _parts(begin: Tensor, size: Tensor, count: int, most: int, whole: bool = True) -> Ends:
    """Cut regions that start at `begin` into `count` parts of `size`; `whole` adds a whole start after rounding."""
    numbers = torch.arange(count + 1, device=begin.device, dtype=torch.float32)
    steps = numbers * size[:, None]
    offset = begin[:, None]
    first = steps[:, :-1].floor() + offset if whole else (steps[:, :-1] + offset).floor()
    last = steps[:, 1:].ceil() + offset if whole else (steps[:, 1:] + offset).ceil()
    # A region of NaN or infinity is an empty one.
    return first.nan_to_num(0).clamp(0, most).long(), last.nan_to_num(0).clamp(0, most).long()


def _rounded(values: Tensor) -> Tensor:
    """Round half away from 0, as C does."""
    return values.sign() * (values.abs() + 0.5).floor()


def _level(sides: Tensor) -> Tensor:
    """Return the exponent of the largest power of 2 in each side; 0 for empty ones."""
    return torch.frexp(sides.clamp(min=1).double()).exponent - 1


def _doubled(table: Tensor, side: int, axis: int) -> Tensor:
    """Return maxima over twice `side`; the last places, whose window would leave the map, keep theirs."""
    size = table.shape[axis]
    if side >= size:
        return table
    moved = torch.cat([table.narrow(axis, side, size - side), table.narrow(axis, size - side, side)], axis)
    return torch.maximum(table, moved)
