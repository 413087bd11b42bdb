"""Where each format of pictures keeps its size, how much memory a JPEG takes, and the orientation mark of a TIFF.

The functions take the bytes of a file. They raise IndexError for a header that ends too early, and UnreadError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Size = tuple[int, int]
"""Width and height."""


class UnreadError(ValueError):
    """A header that breaks its format's rules."""


def _number(data: bytes, start: int, size: int, order: Literal["little", "big"] = "big") -> int:
    part = data[start : start + size]
    if len(part) < size:
        raise IndexError
    return int.from_bytes(part, order)


# In a scan's data FF 00 (a stuffed FF) and D0 to D7 (a restart) occur as well; 01 has no contents.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\x01\xd0-\xd7])", re.DOTALL)
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_JPEG_SCAN = 0xDA
JPEG_END = 0xD9


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment, and where its contents begin (ISO/IEC 10918-1, annex B).

    The search would find the markers of a thumbnail in an EXIF segment too, so each segment is left by its length. After
    the header of a scan, the search skips the scan's data.
    """
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        code, position = marker[1][0], marker.end()
        yield code, position
        if code == JPEG_END:
            return
        position += max(2, int.from_bytes(data[position : position + 2], "big"))


def jpeg_size(data: bytes) -> Size:
    for code, position in jpeg_segments(data):
        if code in _JPEG_FRAMES:
            return _number(data, position + 5, 2), _number(data, position + 3, 2)
        if code == _JPEG_SCAN:
            break
    raise IndexError


def jpeg_coefficients(data: bytes) -> float:
    """Return the bytes a pixel that a decoder keeps until the last scan: two for each number; 0 if there is one scan."""
    frame, channels, numbers = 0, 0, 0.0
    for code, position in jpeg_segments(data):
        if code in _JPEG_FRAMES:
            frame, channels = code, _number(data, position + 7, 1)
            factors = [_number(data, position + 9 + 3 * channel, 1) for channel in range(channels)]
            across, down = [factor >> 4 for factor in factors], [factor & 15 for factor in factors]
            if min(across + down, default=0) == 0:
                raise UnreadError("a channel without samples")
            numbers = sum(map(int.__mul__, across, down)) / (max(across) * max(down))
        elif code == _JPEG_SCAN:
            several = frame in _JPEG_PROGRESSIVE or _number(data, position + 2, 1) < channels
            return 2 * numbers if several else 0
    return 0


def png_size(data: bytes) -> Size:
    """Walk the chunks as well: OpenCV makes room for what one claims, which may be 4 GB, before it reads it."""
    position = 8
    while data[position + 4 : position + 8] != b"IEND":
        position += _number(data, position, 4) + 12
        if position > len(data):
            raise IndexError
    return _number(data, 16, 4), _number(data, 20, 4)


def bmp_size(data: bytes) -> Size:
    if _number(data, 14, 4, "little") == 12:
        return _number(data, 18, 2, "little"), _number(data, 20, 2, "little")
    height = _number(data, 22, 4, "little")
    # Negative in a picture that is stored from top to bottom.
    return _number(data, 18, 4, "little"), min(height, 2**32 - height)


_TIFF_SIDES = {256: 0, 322: 0, 257: 1, 323: 1}
"""Tags of width and height, of the picture and of its tiles -> 0 for width, 1 for height. A tile may be the larger."""
_TIFF_ORIENTATION = 274
_TIFF_SAMPLE_FORMAT = 339
_TIFF_TYPES = {1: 1, 3: 2, 4: 4}
"""Types of a number -> bytes."""


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield tag, type and place of value of each entry of the first picture (TIFF 6.0, section 2)."""
    order = _tiff_order(data)
    start = _number(data, 4, 4, order)
    for entry in range(start + 2, start + 2 + 12 * _number(data, start, 2, order), 12):
        yield _number(data, entry, 2, order), _number(data, entry + 2, 2, order), entry + 8


def _tiff_order(data: bytes) -> Literal["little", "big"]:
    return "little" if data[:1] == b"I" else "big"


def without_tiff_orientation(data: bytes) -> bytes:
    """Return the TIFF as one that is not to be turned. `data` is one whose header has been read."""
    changed = bytearray(data)
    for tag, kind, place in _tiff_tags(data):
        if tag == _TIFF_ORIENTATION and kind in _TIFF_TYPES:
            size = _TIFF_TYPES[kind]
            changed[place : place + size] = (1).to_bytes(size, _tiff_order(data))
    return bytes(changed)


def tiff_size(data: bytes) -> Size:
    sides = [0, 0]
    for tag, kind, place in _tiff_tags(data):
        if tag not in _TIFF_SIDES:
            continue
        if kind not in _TIFF_TYPES:
            raise UnreadError(f"its tag {tag} has the type {kind}")
        side = _TIFF_SIDES[tag]
        sides[side] = max(sides[side], _number(data, place, _TIFF_TYPES[kind], _tiff_order(data)))
    return sides[0], sides[1]


def is_tiff_of_floats(data: bytes) -> bool:
    """Return whether the numbers of a TIFF are floats. `data` is one whose header has been read."""
    for tag, kind, place in _tiff_tags(data):
        if tag == _TIFF_SAMPLE_FORMAT and kind == 3:
            count = _number(data, place - 4, 4, _tiff_order(data))
            # More than two do not fit into the tag, which then says where they are.
            place = place if count <= 2 else _number(data, place, 4, _tiff_order(data))
            return data[place : place + 2] in (b"\3\0", b"\0\3")
    return False


def webp_size(data: bytes) -> Size:
    chunk = data[12:16]
    if chunk == b"VP8 ":
        return _number(data, 26, 2, "little") & 0x3FFF, _number(data, 28, 2, "little") & 0x3FFF
    if chunk == b"VP8L":
        bits = _number(data, 21, 4, "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and _number(data, 20, 1) & 2:
        raise UnreadError("it is animated, which Caffe does not read")
    if chunk == b"VP8X":
        return _number(data, 24, 3, "little") + 1, _number(data, 27, 3, "little") + 1
    raise IndexError


_TEXT = 1 << 16
"""Bytes in which the header of a format that begins with text must end."""
_PNM = re.compile(rb"P[1-6Ff](?:\s|#[^\n]*\n)+(\d{1,10})(?:\s|#[^\n]*\n)+(\d{1,10})\s")
_PAM = re.compile(rb"\s(WIDTH|HEIGHT)\s+(\d{1,10})(?=\s)")
_HDR = re.compile(rb"\s-Y\s+(\d{1,10})\s+\+X\s+(\d{1,10})\s")


def pnm_size(data: bytes) -> Size:
    match = _PNM.match(data[:_TEXT])
    if not match:
        raise IndexError
    return int(match[1]), int(match[2])


def pam_size(data: bytes) -> Size:
    header, end, _ = data[:_TEXT].partition(b"ENDHDR")
    sides = [[int(size) for name, size in _PAM.findall(header) if name == side] for side in (b"WIDTH", b"HEIGHT")]
    if not end:
        raise IndexError
    return max(sides[0]), max(sides[1])


def hdr_size(data: bytes) -> Size:
    match = _HDR.search(data[:_TEXT])
    if not match:
        raise IndexError
    return int(match[2]), int(match[1])


def sun_size(data: bytes) -> Size:
    return _number(data, 4, 4), _number(data, 8, 4)


def jpeg_2000_size(data: bytes) -> Size:
    """Walk the boxes up to the code stream, which begins with its size (ISO/IEC 15444-1, annexes A and I)."""
    position = 0
    while data[position + 4 : position + 8] != b"jp2c":
        length = _number(data, position, 4)
        if length == 1:
            length = _number(data, position + 8, 8)
        if length < 8:
            raise IndexError
        position += length
    start = position + (16 if _number(data, position, 4) == 1 else 8)
    if data[start : start + 4] != b"\xff\x4f\xff\x51":
        raise IndexError
    right, bottom, left, top = (_number(data, start + offset, 4) for offset in (8, 12, 16, 20))
    if _number(data, start + 40, 2) > 4:
        raise UnreadError("it has more than four channels")
    return right - left, bottom - top
