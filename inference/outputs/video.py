"""An annotated video."""

from __future__ import annotations

import errno
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import MokaError, UsageError
from common.files import atomic_file
from common.process.signals import UNFINISHED

from ..annotate import PAPER
from .drawing import draw_faces
from .output import FileStack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

    from ..analyzer import Analysis
    from ..frame import Frame, Unreadable
    from .output import About

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""Suffix -> codec, of those that OpenCV's packages hold. A browser plays .webm."""
FASTEST = 120.0
OF_STILLS = 1.0
"""Frames a second: the most, and those of a video of photographs."""
WAIT_FOR, WAIT_BYTES = 8, 32 << 20
"""The rate is measured over so many frames, or as many as fill so much memory; these wait for it."""
RESERVE = 4 << 20
"""Bytes. With less free space the disk counts as full."""
LONGEST_GAP = 2.0
"""Seconds. Where a camera's frames were dropped, the last picture stands for at most so long."""


class Video:
    """Writes an annotated video, which is complete or missing.

    All frames have the size of the first; others are fitted into it. Frames follow one another as fast as they did at the
    source. Where frames of a camera were dropped, the one before them stands longer.
    """

    def __init__(self, path: Path, about: About, force: bool = False) -> None:
        if path.suffix.lower() not in CODECS:
            raise UsageError(f"{path}: expected the name of a video that ends in {', '.join(CODECS)}.")
        self._path = path
        self._files = FileStack()
        self._made = self._files.enter(atomic_file(path, force))
        # OpenCV takes the format from the name.
        self._written = self._made.with_name(self._made.name + path.suffix.lower())
        self._waiting: list[tuple[Frame, Picture]] = []
        self._writer: Any = None
        self._size = (0, 0)
        self._rate = 0.0
        # What the frames of a camera are timed by: the moment that the first of them, and how many pictures, stand for.
        self._begun = 0.0
        self._count = 0
        self._frames = 0
        self._last: tuple[Frame, Picture] | None = None

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Draw a frame and append it."""
        sheet = draw_faces(frame.picture, analysis, listed=False)
        # The picture itself is no longer needed.
        frame = replace(frame, picture=frame.picture[:0])
        if self._writer is None:
            self._waiting.append((frame, sheet))
            if len(self._waiting) < WAIT_FOR and sum(each.nbytes for _, each in self._waiting) < WAIT_BYTES:
                return
            self._begin()
        else:
            self._append(frame, sheet)

    def left_out(self, unreadable: Unreadable) -> None:
        """There is nothing to draw."""

    def close(self) -> None:
        """Put the video into its place. Without a frame there is none."""
        if self._writer is None and self._waiting:
            self._begin()
        if self._writer is None:
            self.discard()
            return
        self._writer.release()
        try:
            with self._files.guarded():
                found = frames_in(self._written)
                if abs(found - self._frames) > 1 + self._frames / 100:
                    raise MokaError(
                        f"{self._path}: {found} frames were written instead of {self._frames}. Is the disk full, or a quota?"
                    )
                self._written.replace(self._made)
            self._files.close()
        finally:
            self._forget()

    def discard(self) -> None:
        """Delete the video."""
        if self._writer is not None:
            self._writer.release()
        self._forget()
        self._files.discard()

    def _forget(self) -> None:
        """Delete the file that OpenCV writes, if it is still there."""
        self._written.unlink(missing_ok=True)
        UNFINISHED.discard(self._written)

    def _begin(self) -> None:
        """Open the file, with the rate and the size of the frames that waited, and write these."""
        import cv2

        height, width = self._waiting[0][1].shape[:2]
        # Codecs take even sizes.
        self._size = (max(2, width - width % 2), max(2, height - height % 2))
        self._rate = rate_of([frame for frame, _ in self._waiting])
        UNFINISHED.add(self._written)
        suffix = self._written.suffix
        with _without_stderr():
            self._writer = cv2.VideoWriter(
                str(self._written), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*CODECS[suffix]), self._rate, self._size
            )
        if not self._writer.isOpened():
            with self._files.guarded():
                raise MokaError(
                    f"{self._path}: OpenCV cannot write {suffix} of {width}x{height} here. Try another of {', '.join(CODECS)}."
                )
        waiting, self._waiting = self._waiting, []
        for frame, sheet in waiting:
            self._append(frame, sheet)

    def _append(self, frame: Frame, sheet: Picture) -> None:
        """Write a frame; one of a camera at its time."""
        sheet = fitted(sheet, self._size)
        if frame.live:
            if self._last is None or self._last[0].name != frame.name:
                self._begun, self._count = frame.seconds, 0
            place = round((frame.seconds - self._begun) * self._rate)
            missing = place - self._count
            longest = round(LONGEST_GAP * self._rate)
            if missing > longest:
                self._begun += (missing - longest) / self._rate
                missing = longest
            for _ in range(missing if self._last else 0):
                self._show(self._last[1] if self._last else sheet)
            self._last = (frame, sheet)
            if missing < 0:
                # It came early: the next one would be late.
                return
        self._show(sheet)

    def _show(self, sheet: Picture) -> None:
        # OpenCV goes on without a word that a program could hear.
        with self._files.guarded():
            if shutil.disk_usage(self._written.parent).free < RESERVE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._writer.write(sheet)
        self._count += 1
        self._frames += 1


def rate_of(frames: Sequence[Frame]) -> float:
    """Return the frames a second of frames that follow one another; of photographs, one."""
    steps = [after.seconds - before.seconds for before, after in pairwise(frames) if after.name == before.name]
    steps = [step for step in steps if step > 0]
    return min(FASTEST, round(1 / statistics.median(steps), 3)) if steps else OF_STILLS


def fitted(sheet: Picture, size: tuple[int, int]) -> Picture:
    """Return a picture of `size` (width, height): cut by a pixel, or as large as it can be, on paper."""
    import cv2
    import numpy as np

    width, height = size
    if 0 <= sheet.shape[1] - width <= 1 and 0 <= sheet.shape[0] - height <= 1:
        return np.ascontiguousarray(sheet[:height, :width])
    scale = min(width / sheet.shape[1], height / sheet.shape[0])
    across, down = max(1, round(sheet.shape[1] * scale)), max(1, round(sheet.shape[0] * scale))
    small = cv2.resize(sheet, (across, down), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (width - across) // 2, (height - down) // 2
    edges = (top, height - down - top, left, width - across - left)
    return np.asarray(cv2.copyMakeBorder(small, *edges, cv2.BORDER_CONSTANT, value=PAPER), np.uint8)


def frames_in(path: Path) -> int:
    """Return how many frames a video says it has; 0 if it cannot be read. OpenCV does not say whether it could be written."""
    import cv2

    with _without_stderr():
        video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        try:
            count = video.get(cv2.CAP_PROP_FRAME_COUNT) if video.isOpened() and video.read()[0] else 0
        finally:
            video.release()
    # FFmpeg makes large negative numbers of what a file lacks.
    return max(0, round(count))


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep FFmpeg and OpenCV, which know no file names, from writing to standard error."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)
