"""Reading a picture: whatever the file holds, BGR uint8, height x width x 3, comes out, or a message saying why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from common.errors import PictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_SIDE = 16
"""Pixels; a face smaller than this is not told from noise, and a network would still answer something."""


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a JPEG, PNG, BMP, TIFF, WebP ... file as BGR uint8, height x width x 3.

    Turned upright by its EXIF tag; 16-bit, grey and palette pictures become 8-bit BGR and transparency is dropped, all
    as cv2.imread (IMREAD_COLOR) does, for that is how training pictures are read. A file cut short is refused: a
    decoder may fill the rest with grey. PictureError names the file, what is wrong and what to do.
    """
    import cv2
    import numpy as np

    data = _read_bytes(Path(path))
    if _is_cut(data):
        raise PictureError(f"{path}: is cut short ({len(data)} bytes, no end marker). Copy or download it again")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its many lines would bury our one
    picture: NDArray[np.uint8] | None = None
    reason = ""
    try:
        picture = cast("NDArray[np.uint8]", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    except cv2.error as error:
        reason = f" ({error.err})"
    finally:
        cv2.utils.logging.setLogLevel(level)
    if picture is None:
        raise PictureError(
            f"{path}: is not a picture that can be read, or it is damaged{reason}; it begins with {data[:12]!r}. "
            "Wanted a JPEG, PNG, BMP, TIFF or WebP file"
        )
    check_picture(picture, str(path))
    return picture


def check_picture(picture: NDArray[np.uint8], name: str = "the picture") -> None:
    """PictureError unless `picture` is BGR uint8, height x width x 3, each side at least MIN_SIDE pixels."""
    shape, dtype = getattr(picture, "shape", None), getattr(picture, "dtype", type(picture).__name__)
    if shape is None or len(shape) != 3 or shape[2] != 3 or dtype != "uint8":
        raise PictureError(f"{name}: is {dtype} of the shape {shape}; wanted BGR, uint8, height x width x 3")
    if min(shape[:2]) < MIN_SIDE:
        raise PictureError(
            f"{name}: is {shape[1]} x {shape[0]} pixels; wanted a face of at least {MIN_SIDE} x {MIN_SIDE}"
        )


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path}: there is no such file; --image_path wants the picture of one face") from None
    except IsADirectoryError:
        raise PictureError(f"{path}: is a folder; --image_path wants one picture") from None
    except OSError as error:
        raise PictureError(f"{path}: cannot be read: {error.strerror}") from None
    if not data:
        raise PictureError(f"{path}: is empty (0 bytes). Copy or download it again")
    return data


_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""A marker, but neither a stuffed FF (FF 00) nor a restart (D0 to D7), which occur within a scan's data."""


def _is_cut(data: bytes) -> bool:
    """Does a JPEG or PNG end before its end marker? (False for others, whose decoders refuse such files themselves.)

    For JPEG the segments are walked (ISO/IEC 10918-1, annex B): a search for the end marker alone would find that of
    the thumbnail inside an EXIF segment.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    at = 2
    while at + 1 < len(data):
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            return True
        code, at = data[marker.end() - 1], marker.end()
        if code == 0xD9:
            return False
        if code != 0x01:  # all others have a length; after a scan's header (DA) the search skips the scan's data
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return True
