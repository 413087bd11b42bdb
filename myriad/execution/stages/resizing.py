"""Stages that make pictures larger or smaller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room

Places = NDArray[np.floating[Any]]


def _half_pixel(new: int, old: int) -> Places:
    return (np.arange(new) + 0.5) * (old / new) - 0.5


COORDINATES: tuple[Callable[[int, int], Places], ...] = (
    _half_pixel,
    lambda new, old: _half_pixel(new, old) if new > 1 else np.zeros(1),
    lambda new, old: np.arange(new) * (old / new),
    lambda new, old: (np.arange(new) + 0.5) * (old / new),
    lambda new, old: np.arange(new) * ((old - 1) / max(1, new - 1)),
)
"""Where the pixels of the new picture lie in the old one, by the number of the coordinate mode (OpenVINO, Interpolate-4):
half_pixel, pytorch_half_pixel, asymmetric, tf_half_pixel_for_nn, align_corners."""
NEAREST: tuple[Callable[[Places], Places], ...] = (
    lambda places: np.ceil(places - 0.5),
    lambda places: np.floor(places + 0.5),
    np.floor,
    np.ceil,
)
"""How a place is rounded to a pixel, by number: round_prefer_floor, round_prefer_ceil, floor, ceil."""


def resample(stage: Stage, memory: Memory) -> None:
    """Take the nearest pixel."""
    if stage.parameters["antialias"] or stage.parameters["type"]:
        raise BlobError("resamples with a filter, which is not computed here.")
    source, output = memory.pictures(stage.find("in")), memory.pictures(stage.find("out"))
    coordinates = _chosen(COORDINATES, int(stage.parameters["coordinate_mode"]), "coordinate mode")
    nearest = _chosen(NEAREST, int(stage.parameters["nearest_mode"]), "rounding")
    rows, columns = (
        nearest(coordinates(new, old)).clip(0, old - 1).astype(np.intp)
        for new, old in zip(output.shape[2:], source.shape[2:], strict=True)
    )
    output[...] = source[:, :, rows[:, None], columns]


def interpolate(stage: Stage, memory: Memory) -> None:
    """Interpolate linearly between pixels."""
    source, output = memory.pictures(stage.find("in")).astype(np.float32), memory.pictures(stage.find("out"))
    # Compilers before 2021.3 wrote no mode.
    mode = int(stage.parameters.get("coordinate_mode", -1))
    coordinates = (
        COORDINATES[-1] if stage.parameters["align_corners"] else _chosen(COORDINATES, mode, "coordinate mode")
    )
    rows, columns = (
        _shares(coordinates(new, old), old) for new, old in zip(output.shape[2:], source.shape[2:], strict=True)
    )
    output[...] = rows @ source @ columns.T


def _shares(places: Places, old: int) -> Floats:
    """Return the share that each old pixel has in each new one, new x old."""
    check_room(len(places), old)
    places = places.clip(0, old - 1)[:, None]
    return np.asarray(np.clip(1 - np.abs(places - np.arange(old)), 0, 1), np.float32)


def _chosen(table: tuple[Callable[..., Places], ...], number: int, what: str) -> Callable[..., Places]:
    if not 0 <= number < len(table):
        raise BlobError(f"has {what} {number}, which is not computed here.")
    return table[number]


def upsampling(stage: Stage, memory: Memory) -> None:
    """Put pixels apart among zeros: the first half of a transposed convolution."""
    source, output = memory.pictures(stage.find("in")), memory.pictures(stage.find("out"))
    named = {name: int(value) for name, value in stage.parameters.items()}
    if named["factor_z"] != 1 or named["pad_front"] or named["pad_back"]:
        raise BlobError("puts channels apart, which is not computed here.")
    output[...] = 0
    rows, columns = (
        slice(before, before + (side - 1) * factor + 1, factor)
        for side, before, factor in zip(
            source.shape[2:], (named["pad_top"], named["pad_left"]), (named["factor_y"], named["factor_x"]), strict=True
        )
    )
    place = output[:, :, rows, columns]
    if min(named.values()) < 0 or place.shape != source.shape:
        raise BlobError(f"its output has {output.shape[2]} x {output.shape[3]} pixels, too few for its input.")
    place[...] = source
