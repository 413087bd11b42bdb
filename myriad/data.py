"""Data of a stage: the type, shape and place of a tensor in the device's memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod

from .cursor import Cursor
from .errors import BlobError

MOST_DIMS = 8
ELEMENTS = ("FP16", "U8", "S32", "FP32", "I8")
"""Element types by number."""
SIZES = {"FP16": 2, "U8": 1, "S32": 4, "FP32": 4, "I8": 1}
"""Bytes of an element."""
# Those from 6 on have no name in the format.
_LETTERS = {1: "W", 2: "H", 3: "C", 4: "N", 5: "D", 6: "E", 7: "F", 8: "G"}
_IN_CONSTANTS = 3
# More than 2^40 bytes no chip has; a damaged blob does.
_MOST = 1 << 40


class Place(IntEnum):
    """Where data lies. BSS is scratch memory in the chip's DDR, CMX its fast memory."""

    NONE = 0
    INPUT = 1
    OUTPUT = 2
    CONSTANT = 3
    BSS = 4
    CMX = 5


@dataclass(frozen=True)
class Shape:
    """The type and shape of data. `letters` (such as NCHW), `dims` and `strides` begin with the outermost dimension.

    Strides are in bytes.
    """

    element: str
    letters: str
    dims: tuple[int, ...]
    strides: tuple[int, ...]
    strides_at: int
    """Where the strides lie among the constants. It is unique for each tensor."""

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    @property
    def bytes(self) -> int:
        """The bytes of the elements, without gaps between them."""
        return self.size * SIZES[self.element]

    @property
    def span(self) -> int:
        """The bytes from the first element to the end of the last one."""
        if not self.size:
            return 0
        return (
            sum((dim - 1) * stride for dim, stride in zip(self.dims, self.strides, strict=True)) + SIZES[self.element]
        )

    def dim(self, letter: str) -> int:
        """Return the size of the dimension with this letter, 1 if there is none."""
        return self.dims[self.letters.index(letter)] if letter in self.letters else 1


@dataclass(frozen=True)
class Data:
    """Data that a stage reads or writes.

    `offset` counts bytes from the start of `place`; for an input or output, from the start of entry number `entry`.
    """

    shape: Shape
    place: Place
    offset: int
    entry: int = -1


@dataclass(frozen=True)
class Entry:
    """An input or output of the network. `offset` counts bytes from the start of the buffer of all inputs (outputs)."""

    name: str
    offset: int
    shape: Shape


def read_shape(cursor: Cursor, constants: int) -> Shape:
    """Read the type and shape of data. `constants` is where the blob's constants begin."""
    element, order, count, dims_place, dims_at, strides_place, strides_at = (cursor.u32() for _ in range(7))
    if element >= len(ELEMENTS):
        raise BlobError(f"{cursor.what}: element type {element} is unknown. Known: 0 to {len(ELEMENTS) - 1}.")
    if count > MOST_DIMS:
        raise BlobError(f"{cursor.what}: data with {count} dimensions, expected at most {MOST_DIMS}.")
    letters = _order(order, count, cursor.what)
    if (dims_place, strides_place) != (_IN_CONSTANTS, _IN_CONSTANTS):
        raise BlobError(
            f"{cursor.what}: its shape changes while the network runs (shape in place {dims_place}, strides in "
            f"{strides_place}). Only fixed shapes are read."
        )
    dims, strides = (
        tuple(Cursor(cursor.data, constants + at, len(cursor.data), f"{cursor.what}, shape").numbers("I" * count))[::-1]
        for at in (dims_at, strides_at)
    )
    shape = Shape(ELEMENTS[element], letters, tuple(map(int, dims)), tuple(map(int, strides)), strides_at)
    if shape.size > _MOST or shape.span > _MOST:
        raise BlobError(f"{cursor.what}: data of {'x'.join(map(str, shape.dims))} elements, more than any chip holds.")
    return shape


def read_data(cursor: Cursor, constants: int) -> Data:
    """Read a data descriptor of a stage. `constants` is where the blob's constants begin."""
    shape = read_shape(cursor, constants)
    number = cursor.u32()
    if number not in list(Place):
        raise BlobError(f"{cursor.what}: data in place {number}, expected 0 to {len(Place) - 1}.")
    place = Place(number)
    entry = -1
    if place in (Place.INPUT, Place.OUTPUT):
        # The entry's own size follows, which its shape says as well.
        entry, _ = cursor.u32(), cursor.u32()
    return Data(shape, place, cursor.u32(), entry)


def read_entries(data: bytes, at: int, count: int, constants: int, what: str) -> tuple[Entry, ...]:
    """Read the section of inputs or outputs that begins at byte `at`."""
    cursor = Cursor(data, at, len(data), f"{what}s")
    entries = []
    for number in range(count):
        cursor.what = f"{what} {number}"
        index, offset, length = (cursor.u32() for _ in range(3))
        if index != number:
            raise BlobError(f"{cursor.what}: has number {index}.")
        name = cursor.take(length).split(b"\0")[0].decode("utf-8", "replace")
        entries.append(Entry(name, offset, read_shape(cursor, constants)))
    return tuple(entries)


def _order(order: int, count: int, what: str) -> str:
    """Return the letters of the dimensions, outermost first."""
    digits = [order >> 4 * place & 15 for place in range(count)]
    if order >> 4 * count or len(set(digits)) != count or not set(digits) <= set(_LETTERS):
        raise BlobError(f"{what}: order of dimensions 0x{order:x} for {count} dimensions.")
    return "".join(_LETTERS[digit] for digit in reversed(digits))
