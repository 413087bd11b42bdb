"""Blobs of a few stages, written byte by byte, for tests of what the stages compute."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myriad import Blob, read_blob

Array = NDArray[Any]
_ORDERS: dict[int | str, int] = {1: 0x3, 2: 0x43, 3: 0x321, 4: 0x4321, 5: 0x43521, "NHWC": 0x4213}
_ELEMENTS = {"float16": 0, "uint8": 1, "int32": 2, "float32": 3}
_START, _BORDER = b"\x7felf", 0x7F83FF19
_INPUT, _OUTPUT, _CONSTANT, _BSS = 1, 2, 3, 4


@dataclass(frozen=True)
class Given:
    """Data that a stage reads: an input of the network, or a constant, whose bytes may be those of `raw` instead.

    Order NHWC stores the channels innermost.
    """

    values: Array
    constant: bool = False
    order: str = ""
    raw: Array | None = None


@dataclass(frozen=True)
class Made:
    """Data that a stage writes: an output of the network, or what lies at a byte of the scratch memory."""

    shape: Sequence[int]
    dtype: str = "float16"
    order: str = ""
    scratch: int = -1


@dataclass(frozen=True)
class Scratch:
    """Data that a stage reads at a byte of the scratch memory."""

    shape: Sequence[int]
    at: int


NOTHING = "data that lie nowhere"


@dataclass
class BlobWriter:
    """Writes a blob stage by stage. `feed` holds what its inputs were given."""

    batch: int = 1
    bss: int = 0
    feed: dict[str, Array] = field(default_factory=dict)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)
    _stages: list[bytes] = field(default_factory=list)
    _constants: bytes = b""
    _sizes: dict[int, int] = field(default_factory=lambda: {_INPUT: 0, _OUTPUT: 0})

    def stage(self, kind: int, parameters: bytes, data: Sequence[Any], counted: bool = False) -> BlobWriter:
        """Add a stage. With `counted`, as in those of the unit, the number of data comes before them."""
        described = b"".join(self._data(each) for each in data)
        if counted:
            described = struct.pack("<I", len(data)) + described
        body = struct.pack("<2I", 0, 4 + len(parameters)) + parameters + described
        self._stages.append(struct.pack("<2I", len(body) + 16, kind) + body + struct.pack("<2I", kind, _BORDER))
        return self

    def write(self, path: Path) -> Blob:
        """Write the blob and read it again."""
        path.write_bytes(self.content())
        return read_blob(path)

    def content(self) -> bytes:
        """Return the bytes of the whole file."""
        sections = [b"".join(part) for part in (self._inputs, self._outputs, self._stages)] + [self._constants]
        places, at = [], 192
        for section in sections:
            places.append(at)
            at += _padded(len(section))
        head = [9709, at, 6, 0, len(self._inputs), len(self._outputs), len(self._stages)]
        head += [size * self.batch for size in self._sizes.values()] + [self.batch, self.bss, 1, 1, 0, 1, 0, *places]
        content = (_START + bytes(48) + struct.pack("<20I", *head)).ljust(192, b"\0")
        return content + b"".join(section.ljust(_padded(len(section)), b"\0") for section in sections)

    def _data(self, each: Any) -> bytes:
        if each == NOTHING:
            return self._shape((1,), "float16") + struct.pack("<2I", 0, 0)
        if isinstance(each, Scratch):
            return self._shape(each.shape, "float16") + struct.pack("<2I", _BSS, each.at)
        if isinstance(each, Made):
            shape = self._shape(each.shape, each.dtype, each.order)
            if each.scratch >= 0:
                return shape + struct.pack("<2I", _BSS, each.scratch)
            return shape + self._entry(_OUTPUT, self._outputs, shape, each.shape, each.dtype)
        dtype = str(each.values.dtype)
        shape = self._shape(each.values.shape, dtype, each.order)
        if each.constant:
            stored = each.values if each.raw is None else each.raw
            return shape + struct.pack("<2I", _CONSTANT, self._constant(np.ascontiguousarray(stored).tobytes()))
        self.feed[f"x{len(self._inputs)}"] = each.values
        return shape + self._entry(_INPUT, self._inputs, shape, each.values.shape, dtype)

    def _entry(self, place: int, entries: list[bytes], shape: bytes, dims: Sequence[int], dtype: str) -> bytes:
        number, size = len(entries), int(np.prod(dims)) * np.dtype(dtype).itemsize
        name = f"{'x' if place == _INPUT else 'y'}{number}".encode().ljust(16, b"\0")
        entries.append(struct.pack("<3I", number, self._sizes[place], len(name)) + name + shape)
        self._sizes[place] += _padded(size)
        return struct.pack("<4I", place, number, size, 0)

    def _shape(self, dims: Sequence[int], dtype: str, order: str = "") -> bytes:
        stored = [dims[0], *dims[2:], dims[1]] if order else list(dims)
        strides = [np.dtype(dtype).itemsize]
        for side in stored[:0:-1]:
            strides.append(strides[-1] * side)
        places = [self._constant(struct.pack(f"<{len(dims)}I", *part)) for part in (stored[::-1], strides)]
        number = _ORDERS[order or len(dims)]
        return struct.pack("<7I", _ELEMENTS[dtype], number, len(dims), _CONSTANT, places[0], _CONSTANT, places[1])

    def _constant(self, content: bytes) -> int:
        at = _padded(len(self._constants))
        self._constants = self._constants.ljust(at, b"\0") + content
        return at


def run_stage(folder: Path, kind: int, parameters: bytes, data: Sequence[Any], counted: bool = False) -> list[Array]:
    """Write a blob of one stage, run it with float32 memory that began as NaN, and return its outputs."""
    from myriad.execution import Machine

    writer = BlobWriter().stage(kind, parameters, data, counted)
    outcome = Machine(writer.write(folder / "one.blob"), wide=True, fill=255).run(writer.feed)
    return list(outcome.outputs.values())


def half(*shape: int, seed: int = 0) -> NDArray[np.float16]:
    """Random normal numbers of FP16."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float16)


def _padded(size: int) -> int:
    return -(-size // 64) * 64
