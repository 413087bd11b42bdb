"""A camera at this computer as a source: `webcam`, `webcam:1`, `/dev/video1`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import PictureError, UsageError

from ..frame import Frame, Unreadable
from .live import live_frames
from .video import open_capture

_NUMBER = re.compile(r"(?:webcam(?::|$)|/dev/video)([0-9]{0,3})")
_LINUX = sys.platform == "linux"


def is_webcam(word: str) -> bool:
    """Return whether a word means a camera."""
    return word == "webcam" or word.startswith(("webcam:", "/dev/video"))


def open_webcam(word: str) -> Iterator[Frame | Unreadable]:
    """Return the frames of a camera. Raises UsageError for anything but a number after the colon."""
    match = _NUMBER.fullmatch(word)
    if not match or (not match[1] and word != "webcam"):
        raise UsageError(f"{word}: expected webcam, or webcam:N with the N of /dev/videoN, such as webcam:1.")
    number = int(match[1] or 0)
    return live_frames(word, lambda: _open(number))


def _open(number: int, devices: Path = Path("/dev")) -> Any:
    """Open a camera. Raises PictureError, with the reason alone and the next step."""
    import cv2

    if _LINUX:
        device = devices / f"video{number}"
        if not device.exists():
            there = sorted(each.name for each in devices.glob("video*"))
            raise PictureError(
                f"there is no camera {device}. "
                + (f"There are {', '.join(there)}" if there else "Plug it in; lsusb lists it")
            )
        if not os.access(device, os.R_OK | os.W_OK):
            raise PictureError(f"{device} may not be read. Add yourself to its group: sudo usermod -aG video $USER")
    capture = open_capture(number, cv2.CAP_V4L2 if _LINUX else cv2.CAP_ANY, [])
    if not capture.isOpened():
        raise PictureError("the camera does not open. Another program may use it, or it is no camera for pictures")
    return capture
