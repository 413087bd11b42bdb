"""Bytes that come through a pipe, and where in them a picture ends."""

from __future__ import annotations

import re
from typing import BinaryIO

from common.errors import PictureError
from common.pictures.header import largest_file

_MARKER = re.compile(rb"\xff+([^\x00\xff\x01\xd0-\xd7])", re.DOTALL)
_JPEG_END = 0xD9
# Segments in which phones say that more pictures follow, which belong to the first: depth, brightness, the other eye.
_SEVERAL = (b"MPF\0", b"hdrgm:")
_PNM = re.compile(rb"P([56])(?:\s|#[^\n]*\n)+(\d{1,6})(?:\s|#[^\n]*\n)+(\d{1,6})(?:\s|#[^\n]*\n)+(\d{1,5})\s")
_CHUNK = 1 << 16


class Pipe:
    """A stream without end. `data` is what came and was not taken yet."""

    def __init__(self, file: BinaryIO) -> None:
        self.data = bytearray()
        self._file = file

    def fill(self, size: int) -> bool:
        """Read until `data` holds `size` bytes. Returns whether it does: otherwise the stream has ended."""
        while len(self.data) < size:
            part = self._file.read(max(1, min(_CHUNK, size - len(self.data))))
            if not part:
                return False
            self.data += part
        return True

    def more(self) -> bool:
        """Read some more bytes of one picture. Returns whether any came. Raises PictureError if it is too large."""
        if len(self.data) > largest_file():
            raise PictureError(f"a picture larger than the {largest_file()} bytes that are expected at most")
        before = len(self.data)
        # Not more than there is: the next picture may come much later.
        self.data += self._file.read1(_CHUNK) if hasattr(self._file, "read1") else self._file.read(_CHUNK)
        return len(self.data) > before

    def take(self, size: int) -> bytes:
        """Remove the first `size` bytes and return them."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken


def rest_end(pipe: Pipe) -> int:
    """Return the length of all that comes."""
    while pipe.more():
        pass
    return len(pipe.data)


def jpeg_end(pipe: Pipe) -> int:
    """Return the length of the JPEG with which the bytes begin."""
    position = 2
    while True:
        marker = _MARKER.search(pipe.data, position)
        if not marker:
            # The marker's first byte may be the last that came.
            position = max(position, len(pipe.data) - 1)
        elif marker[1][0] == _JPEG_END:
            return marker.end()
        elif len(pipe.data) >= marker.end() + 2:
            length = max(2, int.from_bytes(pipe.data[marker.end() : marker.end() + 2], "big"))
            if len(pipe.data) >= marker.end() + length:
                if any(words in pipe.data[marker.end() : marker.end() + length] for words in _SEVERAL):
                    return rest_end(pipe)
                position = marker.end() + length
                continue
        if not pipe.more():
            return len(pipe.data)


def png_end(pipe: Pipe) -> int:
    """Return the length of the PNG with which the bytes begin."""
    position = 8
    while True:
        if len(pipe.data) >= position + 8:
            length = int.from_bytes(pipe.data[position : position + 4], "big") + 12
            if len(pipe.data) >= position + length:
                is_last = pipe.data[position + 4 : position + 8] == b"IEND"
                position += length
                if is_last:
                    return position
                continue
        if not pipe.more():
            return len(pipe.data)


def pnm_end(pipe: Pipe) -> int:
    """Return the length of the binary PGM or PPM with which the bytes begin."""
    match = _PNM.match(pipe.data)
    if not match:
        return rest_end(pipe)
    channels = 3 if match[1] == b"6" else 1
    size = match.end() + channels * int(match[2]) * int(match[3]) * (2 if int(match[4]) > 255 else 1)
    while len(pipe.data) < size:
        if not pipe.more():
            break
    return min(size, len(pipe.data))
