"""Decode the picture files that a list or a window file names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.errors import PictureError
from common.inputs import read_input
from common.pictures.header import largest_file, read_header


def decode_file(path: str, mode: int) -> npt.NDArray[np.uint8]:
    """Return the picture in a file, as OpenCV's `mode` says. Raises PictureError, with the reason alone."""
    import cv2

    try:
        data = read_input(path, largest_file())
        header = read_header(data)
        with header.decoding():
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), header.flags(mode))
            # Only from the file does OpenCV decode a truncated JPEG.
            if picture is None:
                picture = cv2.imread(path, header.flags(mode))
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"refused by OpenCV: {getattr(error, 'err', 'not enough memory')}") from error
    if picture is None:
        raise PictureError(f"a damaged {header.kind} ({len(data)} bytes)")
    return np.asarray(picture, np.uint8)
