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
from .formats import (
    Size,
    UnreadError,
    bmp_size,
    hdr_size,
    jpeg_2000_size,
    jpeg_coefficients,
    jpeg_size,
    pam_size,
    png_size,
    pnm_size,
    sun_size,
    tiff_size,
    webp_size,
)

VARIABLE = "MOKA_MAX_PIXELS"
"""The environment variable that allows larger pictures."""
_MOST_PIXELS = 1 << 27
# The most bytes of memory, times most_pixels: 940 MB.
_MEMORY = 7
# Bytes a pixel: OpenCV's picture, and Python's copy of it.
_PICTURE = 3
# A picture above this is decoded alone, because one in each thread would fill the memory.
_LARGE = 1 << 24
# The most pixels a byte of a JPEG. A block of 8 x 8 takes at least one bit.
_JPEG_DENSITY = 1024
# cv2.IMREAD_IGNORE_ORIENTATION; this room does not import OpenCV.
_IGNORE_ORIENTATION = 128


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

    That is so if it is damaged, of a format that Caffe does not read, or larger than `most_pixels`, or needs too much memory.
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
        kept = jpeg_coefficients(data) if kind == "JPEG" else 0
    except (IndexError, ValueError) as error:
        reason = f" ({error})" if isinstance(error, UnreadError) else ""
        raise PictureError(f"a truncated or damaged {kind}{reason} ({len(data)} bytes)") from error
    pixels = width * height
    most = most_pixels() // _KINDS[kind].weight
    if kind == "JPEG" and pixels > _JPEG_DENSITY * len(data):
        raise PictureError(f"a {kind} that claims {width}x{height} pixels in {len(data)} bytes, so it is damaged")
    if pixels > most:
        raise PictureError(
            f"a {kind} of {width}x{height} pixels, but at most {most} are decoded. Make it smaller, or set {VARIABLE}"
        )
    # OpenCV drops what it kept before Python copies the picture. The bytes of the file are there all the time.
    memory, room = len(data) + pixels * (_PICTURE + max(_PICTURE, kept)), _MEMORY * most_pixels()
    if memory > room:
        cause = "; it is a progressive JPEG" if kept > _PICTURE else ""
        raise PictureError(
            f"a {kind} of {width}x{height} pixels that takes {memory / 1e6:.0f} MB to decode, but at most {room / 1e6:.0f} MB "
            f"are used{cause}. Make it smaller, or set {VARIABLE}"
        )
    return Header(kind, width, height)


def largest_file() -> int:
    """Return the most bytes that a picture file may have."""
    return 4 * most_pixels()


def most_pixels() -> int:
    """Return the most pixels that a picture may have: 2^27 (134 million), or what MOKA_MAX_PIXELS says.

    Raises UsageError if the variable is not a number.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return _MOST_PIXELS
    if not re.fullmatch("[0-9]{1,15}", text):
        raise UsageError(f"{VARIABLE}={text}: expected a number of pixels, such as 200000000.")
    return int(text)


class _Kind(NamedTuple):
    """A format that Caffe reads: how its files begin, where their size stands, whether Caffe turns them upright."""

    beginning: re.Pattern[bytes]
    size: Callable[[bytes], Size]
    turned: bool = False
    # How much more memory a pixel takes while it is decoded.
    weight: int = 1

    def begins(self, data: bytes) -> bool:
        """Say whether a file begins like this format."""
        return self.beginning.match(data) is not None


def _bytes(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_KINDS = {
    "JPEG": _Kind(_bytes(rb"\xff\xd8\xff"), jpeg_size, turned=True),
    "PNG": _Kind(_bytes(rb"\x89PNG\r\n\x1a\n"), png_size),
    "BMP": _Kind(_bytes(rb"BM"), bmp_size),
    "TIFF": _Kind(_bytes(rb"II\*\0|MM\0\*"), tiff_size, turned=True),
    "WebP": _Kind(_bytes(rb"RIFF....WEBP"), webp_size),
    "PNM": _Kind(_bytes(rb"P[1-6]\s"), pnm_size),
    "PAM": _Kind(_bytes(rb"P7\s"), pam_size),
    "PFM": _Kind(_bytes(rb"P[Ff]\s"), pnm_size, weight=4),
    "Sun raster": _Kind(_bytes(rb"\x59\xa6\x6a\x95"), sun_size),
    "HDR": _Kind(_bytes(rb"#\?(RADIANCE|RGBE)"), hdr_size, weight=4),
    "JPEG 2000": _Kind(_bytes(rb"\0\0\0\x0cjP  \r\n\x87\n"), jpeg_2000_size, weight=4),
}
HEADS = [kind.beginning for kind in _KINDS.values()]
"""What the files of each format begin with."""
_FOREIGN = [
    ("a GIF file", _bytes(rb"GIF8")),
    ("an AVIF or HEIC file", _bytes(rb"....ftyp(avi|hei|hev|mif|msf)")),
    ("a JPEG XL file", _bytes(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("an OpenEXR file", _bytes(rb"\x76\x2f\x31\x01")),
    ("a JPEG 2000 code stream without its file header", _bytes(rb"\xff\x4f\xff\x51")),
    ("a TIFF file in the form for more than 4 GB", _bytes(rb"II\+\0|MM\0\+")),
]
