"""Picture files: read, decode, check, resize. A picture is BGR, uint8, height x width x channels, as OpenCV has it.

Databases and answers use the same decoder, so a network sees in use what it saw in training: the same formats, turned the
same way (common/pictures/header.py). They differ in what they accept:

- `decode` takes what Caffe takes: every size down to one pixel, in colour or in grey.
- `read_picture` reads a face to be answered about. It also refuses a file that is cut short and a face that is too small.

OpenCV is imported inside functions: it takes longer to load than a command may take to print its --help.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import PictureError
from common.inputs import read_input
from common.messages import shape_text
from common.pictures.formats import JPEG_END, is_tiff_of_floats, jpeg_segments
from common.pictures.header import largest_file, read_header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

MIN_SIDE = 16
"""Pixels. A network would answer something about a smaller face too, but it would be guessing."""


def read_bytes(path: str | Path) -> bytes:
    """Return the bytes of a file. Raises PictureError, with the reason alone, if there are none."""
    try:
        data = read_input(path, largest_file())
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    if not data:
        raise PictureError("an empty file (0 bytes)")
    return data


def decode(data: bytes, gray: bool = False) -> Picture:
    """Decode the bytes of a picture file into height x width x 3 (BGR), or height x width with `gray`.

    The pixels are those of Caffe's convert_imageset: grey becomes three equal channels, transparency is dropped, 16 bits
    become 8. A JPEG or TIFF is turned by its orientation mark, a PNG or WebP is not. docs/pictures.md has the whole table.
    One thing differs. Caffe decodes from the file, where OpenCV fills the missing part of a truncated JPEG with grey. From
    memory, as here, OpenCV refuses it.
    Raises PictureError with the reason alone.
    """
    import cv2
    import numpy as np

    header = read_header(data)
    try:
        with silent_opencv(), header.decoding():
            mode = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), header.flags(mode))
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"refused by OpenCV: {getattr(error, 'err', 'not enough memory')}") from error
    if picture is None and header.kind == "TIFF" and is_tiff_of_floats(data):
        raise PictureError("a TIFF of floating point numbers. Convert it to 8 or 16 bits")
    if picture is None:
        raise PictureError(f"a truncated or damaged {header.kind} ({len(data)} bytes)")
    return np.asarray(picture, np.uint8)


def read_picture(path: str | Path) -> Picture:
    """Read the picture of a face from a JPEG, PNG, BMP, TIFF or WebP file: BGR uint8, height x width x 3.

    Pixels are those of `decode`. Raises PictureError, with the file and what to do, if the file is missing, cut short or
    no picture, or if the picture is smaller than MIN_SIDE.
    """
    try:
        data = read_bytes(path)
    except PictureError as error:
        raise PictureError(f"{path}: {error}. Give the picture of one face.") from error
    if is_truncated(data):
        raise PictureError(f"{path}: cut short ({len(data)} bytes, no end marker). Copy or download it again.")
    try:
        picture = decode(data)
    except PictureError as error:
        raise PictureError(f"{path}: {error}. Expected a JPEG, PNG, BMP, TIFF or WebP file.") from error
    check_picture(picture, str(path))
    return picture


def check_picture(picture: Picture, name: str = "the picture") -> None:
    """Raise PictureError unless `picture` is BGR uint8, height x width x 3, and no side is below MIN_SIDE pixels."""
    shape = getattr(picture, "shape", None)
    dtype = getattr(picture, "dtype", type(picture).__name__)
    if shape is None or len(shape) != 3 or shape[2] != 3 or dtype != "uint8":
        found = f"{dtype}" if shape is None else f"{dtype} {shape_text(shape)}"
        raise PictureError(f"{name}: found {found}, expected BGR uint8, height x width x 3.")
    height, width = shape[:2]
    if min(height, width) < MIN_SIDE:
        raise PictureError(
            f"{name}: {width}x{height} pixels, expected at least {MIN_SIDE}x{MIN_SIDE}. Give a larger picture of the face."
        )


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Stretch a picture to height x width as Caffe's convert_imageset does: bilinear, without cropping. 0 x 0 is a no-op."""
    import cv2
    import numpy as np

    if not height and not width:
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def is_truncated(data: bytes) -> bool:
    """Return whether a JPEG or PNG lacks its end marker. Other formats are left to their decoders, which notice it."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    return all(code != JPEG_END for code, _ in jpeg_segments(data))


_lock = threading.Lock()
_decoding = 0
_level = 0


@contextmanager
def silent_opencv() -> Iterator[None]:
    """Keep OpenCV from printing: its many lines do not name the file. The log level is one for all threads."""
    global _decoding, _level
    import cv2

    log = cv2.utils.logging
    with _lock:
        if _decoding == 0:
            _level = log.getLogLevel()
            log.setLogLevel(log.LOG_LEVEL_SILENT)
        _decoding += 1
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            if _decoding == 0:
                log.setLogLevel(_level)
