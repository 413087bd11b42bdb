"""Writes small Myriad X blobs from a description of their stages, as docs/myriad_blob.md says. The reader has no part in it.

It writes whatever it is given, so that tests can write what no compiler would.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from myriad.data import ELEMENTS, SIZES, Place

BORDER = 0x7F83FF19
_DIGITS = {"W": 1, "H": 2, "C": 3, "N": 4, "D": 5, "E": 6}


@dataclass(frozen=True)
class Tensor:
    """Data of a stage, an input or an output. `dims` begin with the outermost; without `strides` there are no gaps."""

    dims: Sequence[int]
    place: int = Place.BSS
    offset: int = 0
    letters: str = "NCHW"
    element: str = "FP16"
    strides: Sequence[int] | None = None
    entry: int = 0
    dims_place: int = Place.CONSTANT

    @property
    def steps(self) -> list[int]:
        """The strides in bytes, outermost first."""
        if self.strides is not None:
            return list(self.strides)
        steps = [SIZES[self.element]]
        for dim in reversed(self.dims[1:]):
            steps.insert(0, steps[0] * dim)
        return steps

    @property
    def bytes(self) -> int:
        """The bytes of the elements."""
        size = SIZES[self.element]
        for dim in self.dims:
            size *= dim
        return size


@dataclass(frozen=True)
class Record:
    """A stage: the number of its type, its parameters, its data, and for the unit what it carries."""

    type: int
    data: Sequence[Tensor]
    parameters: bytes = b""
    shaves: int = 0
    jobs: Sequence[bytes] | None = None
    injected: Record | None = None


@dataclass
class Constants:
    """The constant section: weights at multiples of 64 bytes, then shapes. Version 5 keeps its shapes elsewhere."""

    weights: bytes
    shapes: bytearray = field(default_factory=bytearray)

    def add(self, numbers: Sequence[int]) -> int:
        """Store dims or strides, innermost first, and return where."""
        at = len(self.weights) + len(self.shapes)
        self.shapes += struct.pack(f"<{len(numbers)}I", *reversed(numbers))
        return at


def blob(
    inputs: Sequence[tuple[str, Tensor]],
    outputs: Sequence[tuple[str, Tensor]],
    records: Sequence[Record],
    weights: bytes = b"",
    major: int = 6,
    shaves: int = 4,
    slices: int = 4,
    bss: int = 4096,
) -> bytes:
    """Return a whole blob."""
    constants = None if major == 5 else Constants(_padded(weights))
    sections = [_entries(inputs, constants), _entries(outputs, constants)]
    sections.append(b"".join(_record(record, constants) for record in records))
    sections = [_padded(section) for section in sections]
    places = [192]
    for section in sections:
        places.append(places[-1] + len(section))
    last = _padded(weights if constants is None else constants.weights + bytes(constants.shapes))
    sizes = [sum(-(-tensor.bytes // 64) * 64 for _, tensor in entries) for entries in (inputs, outputs)]
    head = [
        9709,
        places[-1] + len(last),
        major,
        0,
        len(inputs),
        len(outputs),
        len(records),
        *sizes,
        1,
        bss,
        slices,
        shaves,
    ]
    start = b"\x7felf" + bytes(12) + struct.pack("<HHIIIIIH", 1, 2, 2, 0, 0, 0, 0, 416)
    header = (start.ljust(52, b"\0") + struct.pack("<20I", *head, 1, 1, 0, *places)).ljust(192, b"\0")
    return header + b"".join(sections) + last


def job(
    kind: int,
    data: Sequence[int],
    channels: tuple[int, int] = (0, 8),
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    padded: bool = False,
    pooling: bool = False,
    relu: bool = False,
    average: bool = False,
) -> bytes:
    """Return a descriptor of the unit. `data` are the numbers of input, output, weights, bias and scale."""
    words = [kind, *([int(average)] if kind == 4 else []), 0, int(padded), *([0] if padded else []), *data]
    words += [*channels, *kernel, stride, *([2, 2] if pooling else []), *([1, 0, 0, 1] if relu else [0]), 0, 0, 0]
    return struct.pack(f"<{len(words)}i", *words)


def _padded(section: bytes) -> bytes:
    return section + bytes(-len(section) % 64)


def _entries(entries: Sequence[tuple[str, Tensor]], constants: Constants | None) -> bytes:
    section = b""
    offset = 0
    for number, (name, tensor) in enumerate(entries):
        text = name.encode()
        text += bytes(16 - len(text) % 16)
        section += struct.pack("<III", number, offset, len(text)) + text + _shape(tensor, constants)
        offset += -(-tensor.bytes // 64) * 64
    return section


def _shape(tensor: Tensor, constants: Constants | None) -> bytes:
    order = sum(_DIGITS[letter] << 4 * place for place, letter in enumerate(reversed(tensor.letters)))
    count = len(tensor.dims)
    head = struct.pack("<III", ELEMENTS.index(tensor.element), order, count)
    if constants is None:
        return head + struct.pack(f"<{2 * count}I", *reversed(tensor.dims), *reversed(tensor.steps))
    dims_at = constants.add(tensor.dims) if tensor.dims_place == Place.CONSTANT else 64
    return head + struct.pack("<IIII", tensor.dims_place, dims_at, Place.CONSTANT, constants.add(tensor.steps))


def _data(tensor: Tensor, constants: Constants | None) -> bytes:
    entry = [tensor.entry, tensor.bytes] if tensor.place in (Place.INPUT, Place.OUTPUT) else []
    # The place of a shape that is an output itself.
    entry += [1, 8] if tensor.dims_place == Place.OUTPUT else []
    words = [tensor.place, *entry, tensor.offset]
    return _shape(tensor, constants) + struct.pack(f"<{len(words)}I", *words)


def _record(record: Record, constants: Constants | None) -> bytes:
    parameters = record.parameters
    data = b"".join(_data(tensor, constants) for tensor in record.data)
    if record.jobs is not None:
        carried = b"" if record.injected is None else _record(record.injected, constants)
        parameters = struct.pack("<I", len(record.jobs)) + b"".join(record.jobs)
        parameters += struct.pack("<I", bool(carried)) + carried
        data = struct.pack("<I", len(record.data)) + data
    length = 16 + len(parameters) + len(data) + 8
    head = struct.pack("<IIII", length, record.type, record.shaves, len(parameters) + 4)
    return head + parameters + data + struct.pack("<II", record.type, BORDER)
