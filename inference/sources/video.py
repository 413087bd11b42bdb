"""A video file as a source, read by the FFmpeg in OpenCV."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from common.errors import PictureError
from common.inputs import open_input
from common.pictures.header import most_pixels
from faces.photos import is_photo
from faces.pictures import check_picture, silent_opencv

from ..frame import Frame, Unreadable

if TYPE_CHECKING:
    from faces.pictures import Picture

_NAMES = "mp4 m4v mov 3gp avi mkv webm mpg mpeg ts m2ts mts flv wmv asf ogv gif y4m mjpg mjpeg h264 ivf"
SUFFIXES = {f".{name}" for name in _NAMES.split()}
"""What names of videos end with, for folders, which hold other files too."""
_BEGINNINGS = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"....(ftyp|moov|mdat|wide|free|skip|pnot)",  # MP4, MOV, 3GP
        rb"RIFF....AVI ",
        rb"\x1aE\xdf\xa3",  # Matroska, WebM
        rb"G.{187}G.{187}G",  # MPEG-TS
        rb".{4}G.{191}G.{191}G",  # of a camcorder
        rb"\0\0\x01[\xb3\xba]",  # MPEG-1, MPEG-2
        rb"\0\0\0\x01[\x06\x09\x27\x47\x67]",  # bare H.264, as a Raspberry Pi's camera writes it
        rb"FLV\x01",
        rb"0&\xb2u\x8ef\xcf\x11",  # WMV
        rb"OggS",
        rb"DKIF",
        rb"GIF8",
        rb"YUV4MPEG2 ",
    )
]
_JPEGS = {".mjpg", ".mjpeg"}
# A sound may last longer than the pictures, and the length of some files is an estimate.
_SHORT_SECONDS, _SHORT_SHARE = 0.5, 0.05


def is_video(suffix: str, head: bytes) -> bool:
    """Return whether a file is a video, by its first bytes. Only a stream of JPEGs needs its name."""
    if suffix in _JPEGS and head.startswith(b"\xff\xd8\xff"):
        return True
    return any(beginning.match(head) for beginning in _BEGINNINGS) and not is_photo(head)


def video_frames(path: str) -> Iterator[Frame | Unreadable]:
    """Yield the frames of a video, turned upright by its rotation mark, and at the end whether it was cut short."""
    try:
        with _opened(path) as capture:
            yield from frames_of(path, capture)
    except PictureError as error:
        yield Unreadable(path, str(error))
    except OSError as error:
        yield Unreadable(path, (error.strerror or str(error)).lower())


def count_video(path: str) -> int | None:
    """Return how many frames a video has by its header, or None if that does not say."""
    try:
        with _opened(path) as capture:
            return frame_count(capture)
    except (PictureError, OSError):
        return 1


def frames_of(name: str, capture: Any) -> Iterator[Frame | Unreadable]:
    """Yield the frames of an open video up to its end. Raises PictureError if a frame cannot be used."""
    import cv2

    index, seconds, rate = 0, 0.0, capture.get(cv2.CAP_PROP_FPS)
    while True:
        begun = time.perf_counter()
        found, picture = capture.read()
        if not found:
            break
        shown = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if shown <= 0 and 1 <= rate <= 1000:
            # A bare stream has no times.
            shown = index / rate
        seconds = max(seconds, shown)
        check_frame(picture)
        yield Frame(name, picture, index, seconds, milliseconds=(time.perf_counter() - begun) * 1e3, moving=True)
        index += 1
    if not index:
        raise PictureError("a video without a frame that can be decoded. It may be cut short, or its codec unknown")
    if reason := why_short(capture, seconds):
        yield Unreadable(name, reason)


def why_short(capture: Any, seconds: float) -> str:
    """Return why a video whose last frame is shown at `seconds` is not whole, or ""."""
    import cv2

    count, rate = frame_count(capture), capture.get(cv2.CAP_PROP_FPS)
    length = count / rate if count and rate > 0 else 0.0
    if length - seconds <= _SHORT_SECONDS + _SHORT_SHARE * length:
        return ""
    return f"ends after {seconds:.1f} of {length:.1f} seconds, so it is cut short or damaged"


def frame_count(capture: Any) -> int | None:
    """Return how many frames a video's header claims, or None if it does not."""
    import cv2

    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < 1 << 40 else None


def check_frame(picture: Picture) -> None:
    """Raise PictureError, with the reason alone, if a frame is too small or no colour picture."""
    try:
        check_picture(picture, "a frame")
    except PictureError as error:
        raise PictureError(str(error).rstrip(".")) from error


def open_capture(address: str | int, backend: int, options: list[int]) -> Any:
    """Return an open cv2.VideoCapture, or one that is not opened. Neither OpenCV nor FFmpeg prints."""
    # Read once, when FFmpeg is first used. Its lines do not name the file.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    with silent_opencv():
        try:
            return cv2.VideoCapture(address, backend, options)
        except cv2.error:
            return cv2.VideoCapture()


def check_size(capture: Any) -> None:
    """Raise PictureError, with the reason alone, if the frames are larger than a picture may be."""
    import cv2

    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > most_pixels():
        raise PictureError(f"a video of {width}x{height} pixels, but at most {most_pixels()} are decoded")


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """Open a video. Raises OSError, or PictureError with the reason alone."""
    import cv2

    with open_input(path) as file:
        # By its descriptor: FFmpeg takes some names for addresses or patterns, and OpenCV crashes at some that are no text.
        capture = open_capture(f"/dev/fd/{file.fileno()}", cv2.CAP_FFMPEG, [])
        try:
            if not capture.isOpened():
                raise PictureError("a video that FFmpeg cannot open. It is cut short, damaged, or of an unknown codec")
            check_size(capture)
            yield capture
        finally:
            capture.release()
