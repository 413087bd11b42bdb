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


_SHAPE_PLACES = {Place.INPUT, Place.OUTPUT, Place.CONSTANT, Place.BSS}


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
    fixed: bool = True
    """False if the shape is computed while the network runs. What is not known is then 0."""

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


def read_shape(cursor: Cursor, constants: int | None) -> Shape:
    """Read the type and shape of data.

    `constants` is where the blob's constants begin, among which shapes lie; None for a blob of version 5, where they stand here.
    """
    element, order, count = (cursor.u32() for _ in range(3))
    if element >= len(ELEMENTS):
        raise BlobError(f"{cursor.what}: element type {element} is unknown. Known: 0 to {len(ELEMENTS) - 1}.")
    if count > MOST_DIMS:
        raise BlobError(f"{cursor.what}: data with {count} dimensions, expected at most {MOST_DIMS}.")
    letters = _order(order, count, cursor.what)
    fixed = True
    if constants is None:
        dims = _outermost_first(cursor, count)
        strides_at = cursor.at
        strides = _outermost_first(cursor, count)
    else:
        dims_place, dims_at, strides_place, strides_at = (cursor.u32() for _ in range(4))
        fixed = (dims_place, strides_place) == (Place.CONSTANT, Place.CONSTANT)
        if not {dims_place, strides_place} <= _SHAPE_PLACES:
            raise BlobError(f"{cursor.what}: shape in place {dims_place}, strides in place {strides_place}.")
        dims = _among_constants(cursor, constants, dims_place, dims_at, count)
        strides = _among_constants(cursor, constants, strides_place, strides_at, count)
    shape = Shape(ELEMENTS[element], letters, dims, strides, strides_at, fixed)
    if shape.size > _MOST or shape.span > _MOST:
        raise BlobError(f"{cursor.what}: data of {'x'.join(map(str, shape.dims))} elements, more than any chip holds.")
    return shape


def _outermost_first(cursor: Cursor, count: int) -> tuple[int, ...]:
    return tuple(map(int, cursor.numbers("I" * count)))[::-1]


def _among_constants(cursor: Cursor, constants: int, place: int, at: int, count: int) -> tuple[int, ...]:
    """Read dims or strides. Those that are not constant are zeros."""
    if place != Place.CONSTANT:
        return (0,) * count
    return _outermost_first(Cursor(cursor.data, constants + at, len(cursor.data), f"{cursor.what}, shape"), count)


def read_data(cursor: Cursor, constants: int | None) -> Data:
    """Read a data descriptor of a stage. `constants` is as in `read_shape`."""
    begin = cursor.at
    shape = read_shape(cursor, constants)
    number = cursor.u32()
    if number not in list(Place):
        raise BlobError(f"{cursor.what}: data in place {number}, expected 0 to {len(Place) - 1}.")
    place = Place(number)
    entry = -1
    if place in (Place.INPUT, Place.OUTPUT):
        # The entry's own size follows, which its shape says as well.
        entry, _ = cursor.u32(), cursor.u32()
    if not shape.fixed:
        # Of a shape that is an output itself, the record says which.
        places = Cursor(cursor.data, begin + 12, begin + 28, cursor.what).numbers("IIII")[::2]
        cursor.take(8 * places.count(Place.OUTPUT))
    return Data(shape, place, cursor.u32(), entry)


def read_entries(data: bytes, at: int, count: int, constants: int | None, what: str) -> tuple[Entry, ...]:
    """Read the section of inputs or outputs that begins at byte `at`. `constants` is as in `read_shape`."""
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
