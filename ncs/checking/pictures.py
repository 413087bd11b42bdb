"""Pictures of the user that a network is checked on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import PictureError
from common.inputs import read_input
from common.pictures.header import largest_file, read_header

Picture = NDArray[np.uint8]


def read_pictures(files: Sequence[Path]) -> list[Picture]:
    """Return the pictures as height x width x BGR. Raises PictureError for a file that is none."""
    return [_read(file) for file in files]


def fitted(picture: Picture, shape: Sequence[int]) -> Picture:
    """Stretch a picture to an input of N x C x H x W. Every item of the batch gets it, and so does each three channels."""
    import cv2

    items, channels, height, width = shape
    sized = cv2.resize(picture, (width, height))
    if channels % 3:
        sized = cv2.cvtColor(sized, cv2.COLOR_BGR2GRAY)[:, :, None]
    planes = sized.transpose(2, 0, 1)
    return np.ascontiguousarray(np.tile(planes[None], (items, channels // len(planes), 1, 1)), np.uint8)


def _read(file: Path) -> Picture:
    import cv2

    try:
        data = read_input(file, largest_file())
        header = read_header(data)
        with header.decoding():
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), header.flags(cv2.IMREAD_COLOR))
    except (OSError, PictureError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise PictureError(f"{file}: {reason}. Expected a picture for --check_images.") from error
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"{file}: cannot be decoded. Expected a picture for --check_images.") from error
    if picture is None:
        raise PictureError(f"{file}: a damaged {header.kind}. Expected a picture for --check_images.")
    return np.asarray(picture, np.uint8)
