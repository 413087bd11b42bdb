"""pycaffe's `caffe.coord_map`: where the pixels of one top of a NetSpec lie in another, and a Crop that aligns the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import PycaffeAssertionError, PycaffeRuntimeError
from .net_spec import Top, layers

Numbers = npt.NDArray[np.float64]

PASS_THROUGH_LAYERS = [
    "AbsVal",
    "BNLL",
    "BatchNorm",
    "Bias",
    "Dropout",
    "ELU",
    "Eltwise",
    "Exp",
    "LRN",
    "Log",
    "MVN",
    "PReLU",
    "Power",
    "ReLU",
    "Scale",
    "Sigmoid",
    "Split",
    "TanH",
    "Threshold",
]
"""Types whose tops have the coordinates of their bottoms."""

_SINGLE_FIELDS = ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")


class UndefinedMapException(Exception):
    """A layer whose tops have no place in its bottom, such as InnerProduct."""


class AxisMismatchException(Exception):
    """Two maps that begin at different axes."""


class Map(NamedTuple):
    """Coordinate x of one blob is coordinate scale * x + shift of another, for the axes from `axis` on (None: all axes).

    `scale` and `shift` are numbers, or arrays with one number an axis.
    """

    axis: int | None
    scale: Any
    shift: Any


IDENTITY = Map(None, 1, 0)


def conv_params(fn: Any) -> tuple[int, Numbers, Numbers, Numbers]:
    """Return axis, stride, extent of the dilated kernel, and pad of a layer with a window, each as an array."""
    settings = fn.params.get("convolution_param", fn.params)
    if any(field in fn.params for field in _SINGLE_FIELDS):
        raise PycaffeAssertionError(
            f"{fn.type_name}: {', '.join(_SINGLE_FIELDS)} cannot be mapped. Write kernel_size, stride and pad as lists."
        )
    stride, pad, dilation = (
        np.array(settings.get(name, default), ndmin=1) for name, default in (("stride", 1), ("pad", 0), ("dilation", 1))
    )
    kernel = (np.array(settings["kernel_size"], ndmin=1) - 1) * dilation + 1
    return settings.get("axis", 1), stride, kernel, pad


def crop_params(fn: Any) -> tuple[int, Numbers]:
    """Return the axis and the offsets of a Crop."""
    settings = fn.params.get("crop_param", fn.params)
    return settings.get("axis", 2), np.array(settings.get("offset", 0), ndmin=1)


def coord_map(fn: Any) -> Map:
    """Return the map from the bottom's coordinates to the top's. Raises UndefinedMapException if there is none."""
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        # Counted from the channels, as those of windows are.
        return Map(axis - 1, 1, -offset)
    if fn.type_name not in ("Convolution", "Deconvolution", "Im2col", "Pooling"):
        raise UndefinedMapException(fn.type_name)
    axis, stride, kernel, pad = conv_params(fn)
    if fn.type_name == "Deconvolution":
        return Map(axis, stride, (kernel - 1) / 2 - pad)
    return Map(axis, 1 / stride, (pad - (kernel - 1) / 2) / stride)


def compose(base_map: Map, next_map: Map) -> Map:
    """Return the map that applies `next_map` and then `base_map`. Raises AxisMismatchException if their axes differ."""
    base, following = Map(*base_map), Map(*next_map)
    axes = {each.axis for each in (base, following) if each.axis is not None}
    if len(axes) > 1:
        raise AxisMismatchException(f"axis {base.axis} and axis {following.axis}")
    axis = axes.pop() if axes else None
    return Map(axis, base.scale * following.scale, base.scale * following.shift + base.shift)


def inverse(coord_map: Map) -> Map:
    """Return the map in the other direction."""
    axis, scale, shift = coord_map
    return Map(axis, 1 / scale, -shift / scale)


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """Return the map between two tops, through the nearest blob that both are computed from.

    Raises PycaffeRuntimeError if there is no such blob.
    """
    sources = dict(_walk_back(top_from))
    for top, found in _walk_back(top_to):
        if top in sources:
            return compose(found, inverse(sources[top]))
    raise PycaffeRuntimeError(
        "the two tops have no blob in common that is connected to both by layers with coordinates, such as Convolution."
    )


def crop(top_from: Top, top_to: Top) -> Any:
    """Return a Crop layer that cuts `top_from` to the part that lies at `top_to`.

    Raises PycaffeAssertionError if their pixels have other sizes, or if the offsets are negative or no whole numbers.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    scale, shift = np.array(scale, ndmin=1), np.array(shift, ndmin=1)
    if (scale != 1).any():
        raise PycaffeAssertionError(f"the tops differ in scale by {scale}; expected 1. Make the strides equal.")
    if (shift > 0).any() or (np.round(shift) != shift).any():
        raise PycaffeAssertionError(f"the offsets would be {-shift}; expected whole numbers that are not negative.")
    offset = [int(number) for number in -np.round(shift)]
    return layers.Crop(top_from, top_to, crop_param={"axis": (axis or 0) + 1, "offset": offset})


def _walk_back(top: Top) -> Iterator[tuple[Top, Map]]:
    """Yield `top` and all that it is computed from, with their maps, as far as the layers have coordinates."""
    waiting = [(top, IDENTITY)]
    seen = {top}
    while waiting:
        top, found = waiting.pop(0)
        yield top, found
        # The second bottom of a Crop gives only its size.
        bottoms = top.fn.inputs[:1] if top.fn.type_name == "Crop" else top.fn.inputs
        for bottom in bottoms:
            if bottom in seen:
                continue
            try:
                waiting.append((bottom, compose(found, coord_map(top.fn))))
                seen.add(bottom)
            except UndefinedMapException:
                break
