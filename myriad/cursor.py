"""Reading little-endian numbers one after another from bytes that may be damaged."""

from __future__ import annotations

import struct

from .errors import BlobError


class Cursor:
    """A place in `data` that moves forward. Reading past `end` raises BlobError; `what` names the bytes in messages."""

    def __init__(self, data: bytes, at: int, end: int, what: str) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.what = what
        if not 0 <= at <= end <= len(data):
            raise BlobError(f"{what}: bytes {at} to {end} are outside the blob, which has {len(data)}.")

    def numbers(self, letters: str) -> tuple[int | float, ...]:
        """Return the next numbers: a letter of module struct for each (I, i, f, e)."""
        layout = struct.Struct(f"<{letters}")
        return layout.unpack(self.take(layout.size))

    def u32(self) -> int:
        """Return the next unsigned number of 4 bytes."""
        return int.from_bytes(self.take(4), "little")

    def i32(self) -> int:
        """Return the next signed number of 4 bytes."""
        return int.from_bytes(self.take(4), "little", signed=True)

    def f32(self) -> float:
        """Return the next float of 4 bytes."""
        return float(struct.unpack("<f", self.take(4))[0])

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        begin = self.at
        if count > self.end - begin:
            raise BlobError(f"{self.what}: ends at byte {self.end}, but {count} bytes are read from {begin} on.")
        self.at = begin + count
        return self.data[begin : self.at]

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.at
