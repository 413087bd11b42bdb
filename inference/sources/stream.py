"""Standard input as a source.

    ffmpeg -i film.mkv -f yuv4mpegpipe - | python run_inference.py -
    rpicam-vid -t 0 --codec mjpeg -o - | python run_inference.py mjpeg@30
    ffmpeg -i film.mkv -f rawvideo -pix_fmt bgr24 -s 640x480 - | python run_inference.py raw:640x480

What comes shows in its first bytes. A pipe makes its writer wait, so no frame of it is dropped.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from common.errors import PictureError, UsageError
from common.pictures.header import largest_file, most_pixels
from faces.pictures import MIN_SIDE

from ..frame import Frame, Unreadable
from .picture import frame_of, is_picture
from .pipe import Pipe, jpeg_end, png_end, pnm_end, rest_end
from .video import is_video
from .y4m import BEGINNING, y4m_frames

NAME = "-"
# Bytes that tell formats apart. More may not come before the next picture.
_BEGINNING = 16
_TRAILER = 4096
_NEXT = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n")
_RAW = re.compile(r"raw:([0-9]{1,6})x([0-9]{1,6})(?:@([0-9]{1,4}(?:\.[0-9]{1,6})?))?")
_MOTION_JPEG = re.compile(r"mjpeg(?:@([0-9]{1,4}(?:\.[0-9]{1,6})?))?")
_ENDS: list[tuple[re.Pattern[bytes], Callable[[Pipe], int]]] = [
    (re.compile(rb"\xff\xd8\xff"), jpeg_end),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), png_end),
    (re.compile(rb"P[56]\s"), pnm_end),
]
"""What pictures that may follow one another begin with -> where one ends. Of the other formats there is one, to the end."""


def is_stdin(word: str) -> bool:
    """Return whether a word means standard input."""
    return word == NAME


def is_raw(word: str) -> bool:
    """Return whether a word means raw frames on standard input."""
    return word.startswith("raw:")


def is_motion_jpeg(word: str) -> bool:
    """Return whether a word means JPEGs on standard input that are the frames of one video."""
    return word == "mjpeg" or word.startswith("mjpeg@")


def open_stdin(_: str) -> Iterator[Frame | Unreadable]:
    """Return the frames that come on standard input."""
    return stream_frames(lambda: sys.stdin.buffer)


def open_motion_jpeg(word: str) -> Iterator[Frame | Unreadable]:
    """Return the JPEGs that come on standard input, as frames of one video. Raises UsageError if the rate is none.

    Only the word tells them from photographs: answers about different people must not be averaged.
    """
    match = _MOTION_JPEG.fullmatch(word)
    if not match:
        raise UsageError(f"{word}: expected mjpeg or mjpeg@RATE, such as mjpeg@30.")
    rate = float(match[1] or 0)
    return _as_video(stream_frames(lambda: sys.stdin.buffer), rate)


def open_raw(word: str) -> Iterator[Frame | Unreadable]:
    """Return the raw frames that come on standard input. Raises UsageError if the word gives no size that is allowed."""
    match = _RAW.fullmatch(word)
    if not match:
        raise UsageError(f"{word}: expected raw:WIDTHxHEIGHT or raw:WIDTHxHEIGHT@RATE, such as raw:640x480@30.")
    width, height = int(match[1]), int(match[2])
    if min(width, height) < MIN_SIDE or width * height > most_pixels():
        raise UsageError(f"{word}: expected sides of at least {MIN_SIDE} pixels, and at most {most_pixels()} pixels.")
    return raw_frames(lambda: sys.stdin.buffer, width, height, float(match[3] or 0))


def stream_frames(stream: Callable[[], BinaryIO]) -> Iterator[Frame | Unreadable]:
    """Yield the frames of `stream()`: a YUV4MPEG2 stream, or pictures one after another."""
    file = stream()
    if file.isatty():
        yield Unreadable(NAME, "standard input is the keyboard. Pipe a picture or a video into the command")
        return
    pipe = Pipe(file)
    pipe.fill(_BEGINNING)
    try:
        if pipe.data.startswith(BEGINNING):
            yield from y4m_frames(NAME, pipe)
        elif is_video("", bytes(pipe.data)):
            raise PictureError("a video file, which must be named. Or pipe it with: ffmpeg -i FILE -f yuv4mpegpipe -")
        else:
            yield from _pictures(pipe)
    except (PictureError, OSError) as error:
        yield Unreadable(NAME, str(error))


def _as_video(frames: Iterator[Frame | Unreadable], rate: float) -> Iterator[Frame | Unreadable]:
    """Yield pictures that follow one another as frames of a video. A `rate` of 0 is unknown, and `seconds` are then 0."""
    for each in frames:
        if isinstance(each, Frame) and not each.moving:
            each = replace(each, seconds=each.index / rate if rate else 0.0, moving=True)
        yield each


def raw_frames(stream: Callable[[], BinaryIO], width: int, height: int, rate: float) -> Iterator[Frame | Unreadable]:
    """Yield frames of height x width x 3 BGR bytes. A `rate` of 0 is unknown, and `seconds` are then 0."""
    import numpy as np

    file = stream()
    if file.isatty():
        yield Unreadable(NAME, "standard input is the keyboard. Pipe raw frames into the command")
        return
    pipe, size, index = Pipe(file), height * width * 3, 0
    while True:
        begun = time.perf_counter()
        if not pipe.fill(size):
            break
        # A copy, because bytes cannot be drawn on.
        picture = np.frombuffer(pipe.take(size), np.uint8).reshape(height, width, 3).copy()
        seconds = index / rate if rate else 0.0
        yield Frame(NAME, picture, index, seconds, milliseconds=(time.perf_counter() - begun) * 1e3, moving=True)
        index += 1
    if pipe.data or not index:
        found = f"{len(pipe.data)} of {size} bytes" if pipe.data else "nothing came"
        yield Unreadable(NAME, f"frame {index} is incomplete ({found}). Expected BGR, {width}x{height} pixels")


def _skip_to_next(pipe: Pipe) -> bool:
    """Remove the few bytes that some cameras write after a picture. Returns whether another picture follows them."""
    pipe.fill(_TRAILER)
    found = _NEXT.search(pipe.data, 0, _TRAILER)
    if found:
        pipe.take(found.start())
    return found is not None


def _pictures(pipe: Pipe) -> Iterator[Frame | Unreadable]:
    index = 0
    while pipe.data:
        begun = time.perf_counter()
        if index and not is_picture(bytes(pipe.data[:_BEGINNING])) and not _skip_to_next(pipe):
            # A photograph may end with a film or other things of its camera.
            if index > 1 and len(pipe.data) >= _TRAILER:
                raise PictureError(f"what follows picture {index} is no picture, so the rest was left out")
            return
        end = next((end for beginning, end in _ENDS if beginning.match(pipe.data)), rest_end)
        yield frame_of(NAME, pipe.take(end(pipe)), begun, index)
        index += 1
        pipe.fill(_BEGINNING)
    if not index:
        raise PictureError(
            f"nothing came on standard input. Expected a picture of at most {largest_file()} bytes, or a video"
        )
