"""YUV4MPEG2, the simplest form of a video: a line with the size and the rate, then frames of plain numbers.

FFmpeg writes it (`-f yuv4mpegpipe`), and so do most other programs for video.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from common.errors import PictureError
from common.pictures.header import most_pixels
from faces.pictures import MIN_SIDE

from ..frame import Frame
from .pipe import Pipe

if TYPE_CHECKING:
    from faces.pictures import Picture

BEGINNING = b"YUV4MPEG2 "
_LONGEST_LINE = 1024
_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "411": (4, 1), "mono": None}
"""Pixels that share a colour: across and down. None: there are no colours."""
_COLOURS = re.compile(r"(420)(jpeg|mpeg2|paldv)?|422|444|411|mono")
# ITU-R BT.601, of which video uses the numbers 16 to 235 (240) only: B, G, R from Y, U, V.
_FULL = ((1.0, 1.772, 0.0), (1.0, -0.344136, -0.714136), (1.0, 0.0, 1.402))


class _Form(NamedTuple):
    width: int
    height: int
    rate: float
    shared: tuple[int, int] | None
    full_range: bool

    def chroma(self) -> tuple[int, int]:
        """Width and height of the planes U and V."""
        across, down = self.shared or (1, 1)
        return -(-self.width // across), -(-self.height // down)

    def size(self) -> int:
        """Bytes of a frame."""
        width, height = self.chroma()
        return self.width * self.height + (2 * width * height if self.shared else 0)


def y4m_frames(name: str, pipe: Pipe) -> Iterator[Frame]:
    """Yield the frames of a stream. Raises PictureError, with the reason alone, if it is damaged or cut short."""
    form = _read_form(_line(pipe))
    index = 0
    while True:
        begun = time.perf_counter()
        if not pipe.fill(1):
            break
        if not _line(pipe).startswith("FRAME"):
            raise PictureError(f"frame {index} does not begin with FRAME, so the stream is damaged")
        if not pipe.fill(form.size()):
            raise PictureError(f"frame {index} is cut short ({len(pipe.data)} of {form.size()} bytes)")
        picture = _picture(pipe.take(form.size()), form)
        seconds = index / form.rate if form.rate else 0.0
        yield Frame(name, picture, index, seconds, milliseconds=(time.perf_counter() - begun) * 1e3, moving=True)
        index += 1
    if not index:
        raise PictureError("a YUV4MPEG2 stream without a frame")


def _line(pipe: Pipe) -> str:
    """Take the next line."""
    while (end := pipe.data.find(b"\n", 0, _LONGEST_LINE)) < 0:
        if len(pipe.data) >= _LONGEST_LINE or not pipe.fill(len(pipe.data) + 1):
            raise PictureError("a header of YUV4MPEG2 without an end, so the stream is cut short or damaged")
    return pipe.take(end + 1).decode("latin-1").rstrip("\n")


def _read_form(line: str) -> _Form:
    values = {word[0]: word[1:] for word in line.split()[1:] if word[0] != "X"}
    full = "XCOLORRANGE=FULL" in line
    try:
        width, height = int(values["W"]), int(values["H"])
        over, _, under = values.get("F", "0:1").partition(":")
        rate = int(over) / int(under or 1) if int(under or 1) > 0 else 0.0
    except (KeyError, ValueError):
        raise PictureError(f"a damaged header of YUV4MPEG2: {line[:80]!r}") from None
    kind = _COLOURS.fullmatch(values.get("C", "420"))
    if not kind:
        raise PictureError(
            f"YUV4MPEG2 with colours of the kind {values['C']}; expected 420, 422, 444, 411 or mono of 8 bits. Give ffmpeg "
            "-pix_fmt yuv420p"
        )
    if min(width, height) < MIN_SIDE or width * height > most_pixels():
        raise PictureError(
            f"a video of {width}x{height} pixels; expected from {MIN_SIDE}x{MIN_SIDE} to {most_pixels()} pixels"
        )
    return _Form(width, height, max(0.0, rate), _SUBSAMPLING[kind[1] or kind[0]], full)


def _picture(data: bytes, form: _Form) -> Picture:
    import cv2
    import numpy as np

    pixels = form.width * form.height
    bright = np.frombuffer(data, np.uint8, pixels).reshape(form.height, form.width)
    planes = [bright]
    width, height = form.chroma()
    for start in (pixels, pixels + width * height):
        if form.shared:
            plane = np.frombuffer(data, np.uint8, width * height, start).reshape(height, width)
            planes.append(cv2.resize(plane, (form.width, form.height), interpolation=cv2.INTER_LINEAR))  # type: ignore[arg-type]
        else:
            planes.append(np.full_like(bright, 128))
    low, bright_range, colour_range = (0, 255, 255) if form.full_range else (16, 219, 224)
    turn = np.array(_FULL) * (255 / bright_range, 255 / colour_range, 255 / colour_range)
    moved = -(turn @ (low, 128, 128))
    return np.asarray(cv2.transform(cv2.merge(planes), np.column_stack([turn, moved])), np.uint8)
