"""Small pictures, videos and a camera that is none, for the tests of sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.frame import Frame, Unreadable

Item = Frame | Unreadable


def shade(number: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A picture of one colour, by whose blue one tells which it is."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = (number * 8 % 256, 60, 190)
    return picture


def write_picture(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), shade(number))
    return path


def write_video(path: Path, count: int = 30, fourcc: str = "MJPG", rate: float = 10) -> Path:
    """Write a video of `count` shades. Skips no frame."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), rate, (64, 48))
    assert writer.isOpened()
    for number in range(count):
        writer.write(shade(number))
    writer.release()
    return path


def frames(items: Iterator[Item]) -> list[Frame]:
    """All frames, of which none is unreadable."""
    found = list(items)
    assert all(isinstance(each, Frame) for each in found), found
    return found  # type: ignore[return-value]


def names(items: Iterator[Item]) -> list[str]:
    return [each.name for each in items]


def reasons(items: Iterator[Item]) -> list[str]:
    return [each.reason for each in items if isinstance(each, Unreadable)]


class FakeCapture:
    """A camera that sends `count` frames and then ends, or hangs while `hang` is not set."""

    def __init__(self, count: int, length: int = 0, size: tuple[int, int] = (64, 48)) -> None:
        self.count, self.length, self.size = count, length, size
        self.sent = 0
        self.released = False

    def isOpened(self) -> bool:
        return True

    def get(self, key: int) -> float:
        width, height = self.size
        return {
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FRAME_COUNT: self.length,
            cv2.CAP_PROP_FPS: 10.0,
            cv2.CAP_PROP_POS_MSEC: 100.0 * (self.sent - 1),
        }[key]

    def grab(self) -> bool:
        self.sent += 1
        return self.sent <= self.count

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return True, shade(self.sent - 1)

    def release(self) -> None:
        self.released = True


class Opener:
    """Opens one capture after another, and remembers how often it was asked."""

    def __init__(self, captures: Sequence[FakeCapture | Exception]) -> None:
        self.captures = list(captures)
        self.asked = 0

    def __call__(self) -> FakeCapture:
        self.asked += 1
        capture = self.captures.pop(0)
        if isinstance(capture, Exception):
            raise capture
        return capture
