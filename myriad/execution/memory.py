"""The device's memory, and data of stages as numpy arrays that lie in it."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..blob import Blob
from ..data import SIZES, Data, Entry, Place
from ..errors import BlobError

Floats = NDArray[np.float32]
_MOST = 1 << 30
"""Bytes of the largest memory that is made. A stick has half as much."""
_MOST_NUMBERS = 1 << 28
_TYPES: dict[str, type[np.generic]] = {
    "FP16": np.float16,
    "U8": np.uint8,
    "S32": np.int32,
    "FP32": np.float32,
    "I8": np.int8,
}
CANONICAL = "NCDHW"
"""The order in which `tensor` returns dimensions, whatever the stored one; `_LONGER` for more than five."""
_LONGER = "GFEDNCHW"
_WIDE = 2


class Memory:
    """The memory of a device that holds the blob's constants.

    With `wide`, numbers of type FP16 are held as float32: all offsets and strides double, so that data overlap as on the chip.
    Scratch memory begins with the byte `fill`: 0xFF makes NaN of every float.
    """

    def __init__(self, blob: Blob, wide: bool = False, fill: int = 0) -> None:
        self.wide = wide
        self.entries: dict[Place, tuple[Entry, ...]] = {Place.INPUT: blob.inputs, Place.OUTPUT: blob.outputs}
        self._scale = _WIDE if wide else 1
        header = blob.header
        sizes = {
            Place.INPUT: header.input_bytes,
            Place.OUTPUT: header.output_bytes,
            Place.BSS: header.bss_bytes,
            Place.CMX: header.cmx_bytes,
        }
        if sum(sizes.values()) * self._scale > _MOST:
            raise BlobError(f"{blob.path}: needs {sum(sizes.values())} bytes of memory, more than any stick has.")
        self._buffers = {place: np.full(size * self._scale, fill, np.uint8) for place, size in sizes.items()}
        self._constants = np.frombuffer(blob.constants, np.uint8)

    def array(self, data: Data) -> NDArray[Any]:
        """Return the view of `data` in its stored order and type. Writing into it changes the memory."""
        shape = data.shape
        kind = np.dtype(_TYPES[shape.element])
        buffer, scale = (self._constants, 1) if data.place is Place.CONSTANT else self._buffer(data.place)
        offset = data.offset + (self.entries[data.place][data.entry].offset if data.place in self.entries else 0)
        if scale == _WIDE and kind == np.float16:
            kind = np.dtype(np.float32)
        if not 0 < shape.size <= len(buffer) or offset * scale + (
            shape.span - SIZES[shape.element]
        ) * scale + kind.itemsize > len(buffer):
            raise BlobError(
                f"data of {'x'.join(map(str, shape.dims))} at byte {offset} of {data.place.name} do not fit into its "
                f"{len(buffer) // scale} bytes."
            )
        return np.ndarray(shape.dims, kind, buffer, offset * scale, tuple(stride * scale for stride in shape.strides))

    def tensor(self, data: Data) -> NDArray[Any]:
        """Return the view of `data` with its dimensions in the order of CANONICAL."""
        letters = data.shape.letters
        return self.array(data).transpose([letters.index(letter) for letter in in_order(letters)])

    def pictures(self, data: Data) -> NDArray[Any]:
        """Return the view of `data` as pictures x channels x height x width. Older compilers leave out the first axis."""
        values = self.tensor(data)
        values = values[None] if data.shape.letters in ("CHW", "HWC", "HCW") else values
        if values.ndim != len("NCHW"):
            raise BlobError(f"data of {'x'.join(map(str, data.shape.dims))} are no pictures.")
        return values

    def read(self, data: Data) -> Floats:
        """Return a copy of `data`, ordered as `tensor` is: float32, or float64 for whole numbers of 4 bytes."""
        values = self.tensor(data)
        return values.astype(np.float64 if values.dtype == np.int32 else np.float32)

    def constants(self, data: Data, count: int) -> Floats:
        """Return the `count` numbers of constant `data` as they lie, as float32. The shape of a SHAVE's weights says little."""
        if data.shape.size != count or data.place is not Place.CONSTANT or data.shape.element != "FP16":
            raise BlobError(f"has {data.shape.size} weights in {data.place.name}, expected {count} constants.")
        flat = replace(data.shape, letters="C", dims=(count,), strides=(SIZES["FP16"],))
        return self.array(replace(data, shape=flat)).astype(np.float32)

    def write(self, data: Data, values: NDArray[Any]) -> None:
        """Round `values`, which are ordered as `tensor` is, to the type of `data` and store them."""
        place = self.tensor(data)
        if place.dtype.kind in "iu" and values.dtype.kind == "f":
            limits = np.iinfo(place.dtype)
            values = np.nan_to_num(values.astype(np.float64)).clip(limits.min, limits.max)
        with np.errstate(over="ignore", invalid="ignore"):
            place[...] = values

    def _buffer(self, place: Place) -> tuple[NDArray[np.uint8], int]:
        if place not in self._buffers:
            raise BlobError("data that lie nowhere are read or written.")
        return self._buffers[place], self._scale


def in_order(letters: str) -> list[str]:
    """Return the letters of dimensions in the order of CANONICAL."""
    return [letter for letter in (CANONICAL if len(letters) <= len(CANONICAL) else _LONGER) if letter in letters]


def check_room(*sizes: float) -> None:
    """Raise BlobError if a step would need this many numbers, the product of `sizes`, which no blob of a compiler does."""
    if prod(sizes) > _MOST_NUMBERS:
        raise BlobError(f"needs {' x '.join(f'{size:g}' for size in sizes)} numbers at a time.")


def axis_of(data: Data, number: int) -> int:
    """Return the axis of `Memory.tensor` that a stage calls `number`: it counts from the innermost stored dimension."""
    letters = data.shape.letters
    if not 0 <= number < len(letters):
        raise BlobError(f"axis {number} of data with {len(letters)} dimensions.")
    return in_order(letters).index(letters[len(letters) - 1 - number])
