"""A picture file as a source of one frame."""

from __future__ import annotations

import time
from collections.abc import Iterator

from common.errors import PictureError
from common.pictures.header import HEADS
from faces.photos import decode_photo, is_photo
from faces.pictures import read_bytes

from ..frame import Frame, Unreadable

_NAMES = "jpg jpeg jpe jfif png bmp dib tif tiff webp pnm pbm pgm ppm pam pfm ras sr hdr jp2 avif heic heif"
SUFFIXES = {f".{name}" for name in _NAMES.split()}
"""What names of pictures end with, for folders and archives, which hold other files too."""


def is_picture(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a picture that can be read."""
    return any(beginning.match(head) for beginning in HEADS) or is_photo(head)


def picture_frames(path: str) -> Iterator[Frame | Unreadable]:
    """Yield the picture of a file, or why there is none."""
    begun = time.perf_counter()
    try:
        data = read_bytes(path)
    except PictureError as error:
        yield Unreadable(path, str(error))
        return
    yield frame_of(path, data, begun)


def frame_of(name: str, data: bytes, begun: float, index: int = 0) -> Frame | Unreadable:
    """Decode the bytes of a picture file whose reading began at time.perf_counter() `begun`."""
    try:
        picture = decode_photo(data)
    except PictureError as error:
        return Unreadable(name, str(error))
    return Frame(name, picture, index, milliseconds=(time.perf_counter() - begun) * 1e3)
