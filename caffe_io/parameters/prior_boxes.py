"""The boxes of the SSD fork's PriorBox, which depend on the prototxt and on the sizes of the bottoms alone."""

from __future__ import annotations

import math

import numpy as np

from ..blobs import Array
from ..caffe_pb2 import PriorBoxParameter

_DEFAULT_VARIANCE = 0.1
# The fork takes two aspect ratios that differ by less for the same one.
_SAME = 1e-6


def prior_boxes(param: PriorBoxParameter, cells: tuple[int, int], picture: tuple[int, int]) -> Array:
    """Compute the top of a PriorBox layer, 1 x 2 x (4 H W K), for `cells` H x W of the map and the height and width of `picture`.

    The first channel holds xmin, ymin, xmax and ymax of K boxes for each cell, row by row, as fractions of the picture; the
    second holds their variances. The fork (Liu et al. 2016) rounds min_size and max_size down to whole pixels, and so does this.
    Raises ValueError, with the reason, for settings that the fork refuses.
    """
    sizes = box_sizes(param)
    height, width = picture_size(param, picture)
    step_y, step_x = steps_of(param, cells, (height, width))
    y = (np.arange(cells[0], dtype=np.float32) + np.float32(param.offset)) * np.float32(step_y)
    x = (np.arange(cells[1], dtype=np.float32) + np.float32(param.offset)) * np.float32(step_x)
    boxes = np.empty((*cells, len(sizes), 4), np.float32)
    half = sizes / 2
    boxes[..., 0] = (x[None, :, None] - half[:, 0]) / width
    boxes[..., 1] = (y[:, None, None] - half[:, 1]) / height
    boxes[..., 2] = (x[None, :, None] + half[:, 0]) / width
    boxes[..., 3] = (y[:, None, None] + half[:, 1]) / height
    if param.clip:
        boxes = boxes.clip(0, 1)
    variances = np.broadcast_to(np.array(variances_of(param), np.float32), boxes.shape)
    return np.stack([boxes.ravel(), variances.ravel()])[None]


def box_sizes(param: PriorBoxParameter) -> Array:
    """Return width and height of the boxes around a cell in pixels, K x 2, in the order of the fork. Raises ValueError.

    PriorBoxClustered has them written out.
    """
    if param.width or param.height:
        return _written_sizes(param)
    if not param.min_size:
        raise ValueError("min_size is missing; expected at least one size in pixels")
    if param.max_size and len(param.max_size) != len(param.min_size):
        raise ValueError(
            f"has {len(param.min_size)} min_size and {len(param.max_size)} max_size; expected one max_size for each, or none"
        )
    for small, large in zip(param.min_size, param.max_size or [math.inf] * len(param.min_size), strict=True):
        if not 1 <= small < large:
            raise ValueError(f"min_size {small:g} and max_size {large:g}: expected 1 <= min_size < max_size")
    ratios = [ratio for ratio in _aspect_ratios(param) if abs(ratio - 1) >= _SAME]
    roots = np.sqrt(np.array(ratios, np.float32))
    sizes = []
    for index, size in enumerate(param.min_size):
        small = float(int(size))
        sizes.append((small, small))
        if param.max_size:
            between = math.sqrt(small * int(param.max_size[index]))
            sizes.append((between, between))
        sizes += [(small * root, small / root) for root in roots]
    return np.array(sizes, np.float32)


def _written_sizes(param: PriorBoxParameter) -> Array:
    if param.min_size or param.max_size or param.aspect_ratio:
        raise ValueError("has width or height beside min_size, max_size or aspect_ratio; write one or the other")
    if param.HasField("img_size") or param.HasField("img_h") or param.HasField("img_w"):
        raise ValueError(
            "has width and height, and img_size, img_h or img_w, which count for no such boxes; remove these"
        )
    if len(param.width) != len(param.height) or not min([*param.width, *param.height]) > 0:
        raise ValueError(f"has {len(param.width)} width and {len(param.height)} height; expected as many, all above 0")
    return np.array([param.width, param.height], np.float32).T


def picture_size(param: PriorBoxParameter, picture: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the picture: as img_h and img_w, or img_size, say, or those of the second bottom."""
    if param.HasField("img_h") or param.HasField("img_w"):
        if param.HasField("img_size"):
            raise ValueError("has img_size beside img_h or img_w; write one or the other")
        if not (param.img_h and param.img_w):
            raise ValueError(f"img_h is {param.img_h} and img_w {param.img_w}; expected both, and above 0")
        return param.img_h, param.img_w
    if param.HasField("img_size"):
        if not param.img_size:
            raise ValueError("img_size is 0; expected pixels")
        return param.img_size, param.img_size
    return picture


def _aspect_ratios(param: PriorBoxParameter) -> list[float]:
    ratios = [1.0]
    for ratio in param.aspect_ratio:
        if not ratio > 0:
            raise ValueError(f"aspect_ratio {ratio:g}: expected a number above 0")
        if all(abs(ratio - other) >= _SAME for other in ratios):
            ratios += [ratio, float(np.float32(1 / ratio))] if param.flip else [ratio]
    return ratios


def steps_of(param: PriorBoxParameter, cells: tuple[int, int], picture: tuple[int, int]) -> tuple[float, float]:
    """Return the distance between the centres of neighbouring cells in pixels, down and to the right."""
    if param.HasField("step_h") or param.HasField("step_w"):
        if param.HasField("step"):
            raise ValueError("has step beside step_h or step_w; write one or the other")
        if not (param.step_h > 0 and param.step_w > 0):
            raise ValueError(f"step_h is {param.step_h:g} and step_w {param.step_w:g}; expected both, and above 0")
        return param.step_h, param.step_w
    if param.HasField("step"):
        if not param.step > 0:
            raise ValueError(f"step is {param.step:g}; expected pixels above 0")
        return param.step, param.step
    return picture[0] / cells[0], picture[1] / cells[1]


def variances_of(param: PriorBoxParameter) -> list[float]:
    """Return one variance for all four numbers of a box, or four. Raises ValueError."""
    if len(param.variance) not in (0, 1, 4) or any(not value > 0 for value in param.variance):
        found = ", ".join(f"{value:g}" for value in param.variance)
        raise ValueError(f"variance is {found}; expected one number above 0, or four")
    return list(param.variance) or [_DEFAULT_VARIANCE]
