"""Pictures read from files as Caffe reads them, in OpenCV's BGR order."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from common.errors import PictureError

Picture = npt.NDArray[np.uint8]

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its complaints do not name the file
cv2.setNumThreads(1)  # one picture a thread keeps all cores busy already


def read_file(path: str | Path) -> Picture:
    """The bytes of a file. Raises PictureError if there are none."""
    try:
        with Path(path).open("rb", buffering=0) as file:  # np.fromfile holds other threads up several times as long
            data = np.frombuffer(file.read(), np.uint8)
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    if not data.size:
        raise PictureError("an empty file (0 bytes)")
    return data


def decode(data: Picture, gray: bool = False) -> Picture:
    """Height x width x 3 (BGR), or height x width with `gray`, 0-255, from the bytes of a picture file.

    OpenCV's flags have the meaning they have in Caffe: grey becomes three equal channels, transparency is dropped,
    16 bits become 8, and a camera's orientation mark is obeyed. Caffe decodes from the file, where OpenCV fills the
    missing part of a truncated JPEG with grey; from memory, as here, it refuses it, at the first missing byte.
    Raises PictureError.
    """
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR)
    except cv2.error as error:  # for instance more pixels than OpenCV takes
        raise PictureError(f"refused by OpenCV: {error.err}") from error
    if picture is None:
        jpeg = data[:2].tobytes() == b"\xff\xd8"
        raise PictureError(
            f"{'a truncated or damaged JPEG' if jpeg else 'not a picture, or damaged'} ({data.size} bytes)"
        )
    return np.asarray(picture, np.uint8)


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Stretched to height x width as Caffe does it (bilinear, no crop); 0 for both leaves it as it is."""
    if not height and not width:
        return picture
    return np.asarray(cv2.resize(picture, (width, height)), np.uint8)
