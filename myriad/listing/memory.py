"""Which bytes of the scratch memories are in use, from the stage that writes them to the last one that reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..blob import Blob
from ..data import MOST_DIMS, SIZES, Data, Place, Shape
from ..errors import BlobError
from ..stage import Stage

MOST_SPANS = 5000
SCRATCH = (Place.CMX, Place.BSS)


@dataclass(frozen=True)
class Span:
    """Bytes `begin` to `end` of a memory, from stage `first`, which writes them, to stage `last`, which reads them last."""

    place: Place
    begin: int
    end: int
    first: int
    last: int
    shape: tuple[int, ...]


def sizes(blob: Blob) -> dict[Place, int]:
    """Return the bytes of each scratch memory."""
    return {Place.CMX: blob.header.cmx_bytes, Place.BSS: blob.header.bss_bytes}


def spans(blob: Blob) -> list[Span]:
    """Return what is in use, in the order in which it is written. Raises BlobError if there is too much of it."""
    count = sum(data.place in SCRATCH for stage in blob.stages for data in stage.data)
    if count > MOST_SPANS:
        raise BlobError(f"{blob.path}: {count} data in scratch memory, too many for a picture (at most {MOST_SPANS}).")
    found: list[Span] = []
    for place in SCRATCH:
        found += _spans(blob.stages, place, count)
    return sorted(found, key=lambda span: span.first)


def _spans(stages: tuple[Stage, ...], place: Place, most: int) -> list[Span]:
    """Return the spans of one memory."""
    begins, ends, lasts = (np.zeros(most, np.int64) for _ in range(3))
    layouts: dict[tuple[int, ...], int] = {}
    layout = np.zeros(most, np.int64)
    dims = np.ones((most, MOST_DIMS), np.int64)
    # Those that nothing has overwritten since.
    current = np.zeros(most, bool)
    written: list[tuple[int, Data]] = []
    for stage in stages:
        for role, data in zip(stage.roles, stage.data, strict=True):
            if data.place is place and not role.startswith("out"):
                lasts[current & _overlap(begins, ends, data)] = stage.number
        for data in stage.outputs:
            if data.place is not place or not data.shape.span:
                continue
            number, shape = len(written), data.shape
            known = layouts.setdefault(shape.strides, len(layouts))
            hit = np.flatnonzero(current & _overlap(begins, ends, data))
            # Slices of one tensor lie between each other, and do not touch.
            alike = layout[hit] == known
            meets = _meet(begins[hit] - data.offset, dims[hit], shape)
            current[hit[~alike | meets]] = False
            begins[number], ends[number], lasts[number] = data.offset, data.offset + shape.span, stage.number
            layout[number], current[number] = known, True
            dims[number, : len(shape.dims)] = shape.dims
            written.append((stage.number, data))
    return [
        Span(place, data.offset, data.offset + data.shape.span, first, int(last), data.shape.dims)
        for (first, data), last in zip(written, lasts, strict=False)
    ]


def _overlap(begins: NDArray[np.int64], ends: NDArray[np.int64], data: Data) -> NDArray[np.bool_]:
    """Return which spans have bytes between the first and the last of `data`."""
    return (begins < data.offset + max(data.shape.span, 1)) & (ends > data.offset)


def _meet(distance: NDArray[np.int64], dims: NDArray[np.int64], shape: Shape) -> NDArray[np.bool_]:
    """Return which tensors have a byte in common with one of `shape`, if their strides are the same.

    They begin `distance` bytes after it; `dims` are theirs. With whole strides taken off the distance, outermost first, what
    is left is the distance in the inner dimensions. It may be negative, and then one stride more is taken.
    """
    if not shape.dims:
        return np.abs(distance) < SIZES[shape.element]

    def inner(axis: int, left: NDArray[np.int64]) -> NDArray[np.bool_]:
        if axis == len(shape.dims):
            return np.abs(left) < SIZES[shape.element]
        stride = max(shape.strides[axis], 1)
        found = np.zeros(len(left), bool)
        for steps in (left // stride, left // stride + 1):
            within = (steps < shape.dims[axis]) & (steps + dims[:, axis] > 0)
            found |= within & inner(axis + 1, left - steps * stride)
        return found

    return inner(0, distance)
