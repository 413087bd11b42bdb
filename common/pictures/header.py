"""What a picture file claims to be, read before a decoder spends memory on it.

Every room that decodes pictures asks here first, so all take the same formats and sizes, and turn the same pictures. The
formats, and which of them are turned by the orientation mark of a camera, are those of Caffe's convert_imageset with the
OpenCV of its time. docs/pictures.md has the table.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import PictureError, UsageError
from ..file_kinds import HEAD, foreign_kind

VARIABLE = "MOKA_MAX_PIXELS"
"""The environment variable that allows larger pictures."""
_MOST_PIXELS = 1 << 27
# A picture above this is decoded alone, because one in each thread would fill the memory.
_LARGE = 1 << 24
# The most pixels a byte of a JPEG. A block of 8 x 8 takes at least one bit.
_JPEG_DENSITY = 1024
# cv2.IMREAD_IGNORE_ORIENTATION; this room does not import OpenCV.
_IGNORE_ORIENTATION = 128

_Size = tuple[int, int]
"""Width and height."""


class Header(NamedTuple):
    """The format of a picture file and the size that it claims."""

    kind: str
    width: int
    height: int

    def flags(self, mode: int) -> int:
        """Return the flags for cv2.imdecode in `mode` (cv2.IMREAD_COLOR, ...): whether to turn the picture is added."""
        return mode if _KINDS[self.kind].turned else mode | _IGNORE_ORIENTATION

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Decode inside this: a large picture waits until no other large one is being decoded."""
        if self.width * self.height <= _LARGE:
            yield
            return
        with _one_large:
            yield


_one_large = threading.Lock()


def read_header(data: bytes) -> Header:
    """Return the header of a picture file. Raises PictureError, with the reason alone, if it must not be decoded.

    That is so if it is damaged, of a format that Caffe does not read, or larger than `most_pixels`.
    """
    kind = next((name for name, kind in _KINDS.items() if kind.begins(data)), None)
    if kind is None:
        if sentence := foreign_kind(data[:HEAD]):
            raise PictureError(f"not a picture: {sentence.rstrip('.')}")
        foreign = next((words for words, begins in _FOREIGN if begins.match(data)), None)
        raise PictureError(
            f"{foreign}, which Caffe does not read; convert it to PNG or JPEG"
            if foreign
            else f"not a picture, or damaged ({len(data)} bytes that begin with {data[:12]!r})"
        )
    try:
        width, height = _KINDS[kind].size(data)
    except (IndexError, ValueError) as error:
        reason = f" ({error})" if isinstance(error, _Unread) else ""
        raise PictureError(f"a truncated or damaged {kind}{reason} ({len(data)} bytes)") from error
    pixels = width * height
    most = most_pixels() // _KINDS[kind].weight
    if kind == "JPEG" and pixels > _JPEG_DENSITY * len(data):
        raise PictureError(f"a {kind} that claims {width}x{height} pixels in {len(data)} bytes, so it is damaged")
    if pixels > most:
        raise PictureError(
            f"a {kind} of {width}x{height} pixels, but at most {most} are decoded. Make it smaller, or set {VARIABLE}"
        )
    return Header(kind, width, height)


def largest_file() -> int:
    """Return the most bytes that a picture file may have."""
    return 4 * most_pixels()


def most_pixels() -> int:
    """Return the most pixels that a picture may have: 2^27 (134 million), or what MOKA_MAX_PIXELS says.

    A decoder takes up to nine bytes a pixel. Raises UsageError if the variable is not a number.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return _MOST_PIXELS
    if not re.fullmatch("[0-9]{1,15}", text):
        raise UsageError(f"{VARIABLE}={text}: expected a number of pixels, such as 200000000.")
    return int(text)


class _Unread(ValueError):
    """A header that breaks its format's rules."""


def _number(data: bytes, start: int, size: int, order: str = "big") -> int:
    part = data[start : start + size]
    if len(part) < size:
        raise IndexError
    return int.from_bytes(part, "little" if order == "little" else "big")


# In a scan's data FF 00 (a stuffed FF) and D0 to D7 (a restart) occur as well; 01 has no contents.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\x01\xd0-\xd7])", re.DOTALL)
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
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


def _jpeg(data: bytes) -> _Size:
    for code, position in jpeg_segments(data):
        if code in _JPEG_FRAMES:
            return _number(data, position + 5, 2), _number(data, position + 3, 2)
        if code == _JPEG_SCAN:
            break
    raise IndexError


def _png(data: bytes) -> _Size:
    return _number(data, 16, 4), _number(data, 20, 4)


def _bmp(data: bytes) -> _Size:
    if _number(data, 14, 4, "little") == 12:
        return _number(data, 18, 2, "little"), _number(data, 20, 2, "little")
    height = _number(data, 22, 4, "little")
    # Negative in a picture that is stored from top to bottom.
    return _number(data, 18, 4, "little"), min(height, 2**32 - height)


_TIFF_SIDES = {256: 0, 322: 0, 257: 1, 323: 1}
"""Tags of width and height, of the picture and of its tiles -> 0 for width, 1 for height. A tile may be the larger."""
_TIFF_TYPES = {1: 1, 3: 2, 4: 4}
"""Types of a number -> bytes."""


def _tiff(data: bytes) -> _Size:
    order = "little" if data[:1] == b"I" else "big"
    start = _number(data, 4, 4, order)
    sides = [0, 0]
    for entry in range(start + 2, start + 2 + 12 * _number(data, start, 2, order), 12):
        tag, kind = _number(data, entry, 2, order), _number(data, entry + 2, 2, order)
        if tag not in _TIFF_SIDES:
            continue
        if kind not in _TIFF_TYPES:
            raise _Unread(f"its tag {tag} has the type {kind}")
        side = _TIFF_SIDES[tag]
        sides[side] = max(sides[side], _number(data, entry + 8, _TIFF_TYPES[kind], order))
    return sides[0], sides[1]


def _webp(data: bytes) -> _Size:
    chunk = data[12:16]
    if chunk == b"VP8 ":
        return _number(data, 26, 2, "little") & 0x3FFF, _number(data, 28, 2, "little") & 0x3FFF
    if chunk == b"VP8L":
        bits = _number(data, 21, 4, "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and _number(data, 20, 1) & 2:
        raise _Unread("it is animated, which Caffe does not read")
    if chunk == b"VP8X":
        return _number(data, 24, 3, "little") + 1, _number(data, 27, 3, "little") + 1
    raise IndexError


_TEXT = 1 << 16
"""Bytes in which the header of a format that begins with text must end."""
_PNM = re.compile(rb"P[1-6Ff](?:\s|#[^\n]*\n)+(\d{1,10})(?:\s|#[^\n]*\n)+(\d{1,10})\s")
_PAM = re.compile(rb"\s(WIDTH|HEIGHT)\s+(\d{1,10})(?=\s)")
_HDR = re.compile(rb"\s-Y\s+(\d{1,10})\s+\+X\s+(\d{1,10})\s")


def _pnm(data: bytes) -> _Size:
    match = _PNM.match(data[:_TEXT])
    if not match:
        raise IndexError
    return int(match[1]), int(match[2])


def _pam(data: bytes) -> _Size:
    header, end, _ = data[:_TEXT].partition(b"ENDHDR")
    sides = [[int(size) for name, size in _PAM.findall(header) if name == side] for side in (b"WIDTH", b"HEIGHT")]
    if not end:
        raise IndexError
    return max(sides[0]), max(sides[1])


def _hdr(data: bytes) -> _Size:
    match = _HDR.search(data[:_TEXT])
    if not match:
        raise IndexError
    return int(match[2]), int(match[1])


def _sun(data: bytes) -> _Size:
    return _number(data, 4, 4), _number(data, 8, 4)


def _jpeg_2000(data: bytes) -> _Size:
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
        raise _Unread("it has more than four channels")
    return right - left, bottom - top


class _Kind(NamedTuple):
    """A format that Caffe reads: how its files begin, where their size stands, whether Caffe turns them upright."""

    beginning: re.Pattern[bytes]
    size: Callable[[bytes], _Size]
    turned: bool = False
    # How much more memory a pixel takes while it is decoded.
    weight: int = 1

    def begins(self, data: bytes) -> bool:
        """Say whether a file begins like this format."""
        return self.beginning.match(data) is not None


def _bytes(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_KINDS = {
    "JPEG": _Kind(_bytes(rb"\xff\xd8\xff"), _jpeg, turned=True),
    "PNG": _Kind(_bytes(rb"\x89PNG\r\n\x1a\n"), _png),
    "BMP": _Kind(_bytes(rb"BM"), _bmp),
    "TIFF": _Kind(_bytes(rb"II\*\0|MM\0\*"), _tiff, turned=True),
    "WebP": _Kind(_bytes(rb"RIFF....WEBP"), _webp),
    "PNM": _Kind(_bytes(rb"P[1-6]\s"), _pnm),
    "PAM": _Kind(_bytes(rb"P7\s"), _pam),
    "PFM": _Kind(_bytes(rb"P[Ff]\s"), _pnm, weight=4),
    "Sun raster": _Kind(_bytes(rb"\x59\xa6\x6a\x95"), _sun),
    "HDR": _Kind(_bytes(rb"#\?(RADIANCE|RGBE)"), _hdr, weight=4),
    "JPEG 2000": _Kind(_bytes(rb"\0\0\0\x0cjP  \r\n\x87\n"), _jpeg_2000, weight=4),
}
_FOREIGN = [
    ("a GIF file", _bytes(rb"GIF8")),
    ("an AVIF or HEIC file", _bytes(rb"....ftyp(avi|hei|hev|mif|msf)")),
    ("a JPEG XL file", _bytes(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("an OpenEXR file", _bytes(rb"\x76\x2f\x31\x01")),
    ("a JPEG 2000 code stream without its file header", _bytes(rb"\xff\x4f\xff\x51")),
    ("a TIFF file in the form for more than 4 GB", _bytes(rb"II\+\0|MM\0\+")),
]
