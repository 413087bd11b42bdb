"""Kinds of input for the fuzzer: what the runner takes as a source. Pictures, videos, tars, and the same on standard input."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from common.errors import PictureError
from inference.frame import Frame, Unreadable
from inference.sources import open_sources
from inference.sources.stream import stream_frames

from .. import fuzz_inputs as inputs

_MOST_PIXELS = "4000000"
# A damaged rate or length can make a video endless.
_MOST_FRAMES = 300
_PICTURES = (".jpg", ".png", ".webp", ".tiff", ".bmp", ".ppm", ".jp2", ".hdr", ".ras", ".avif")
_VIDEOS = {"a.avi": "MJPG", "a.mp4": "mp4v", "a.mkv": "mp4v", "a.webm": "VP80", "a.ts": "mp4v"}
_NAME = {"tar": ".tar", "picture": ".jpg", "video": ".mp4"}


def kinds() -> dict[str, tuple[Callable[[random.Random], bytes], Callable[[Path], object]]]:
    """Return the kinds of input, each with what makes an input and what reads it."""
    files = {"picture": _pictures(), "video": _videos(), "tar": _tars()}
    table: dict[str, tuple[Callable[[random.Random], bytes], Callable[[Path], object]]] = {}
    for kind, valid in files.items():
        table[f"source, {kind}"] = (_maker(valid), _file_reader(_NAME[kind]))
    table["source, stdin"] = (_maker([*files["picture"], *_streams()]), _read_stream)
    return table


def _maker(valid: list[bytes]) -> Callable[[random.Random], bytes]:
    return lambda chance: inputs.damaged(valid, chance)


def _file_reader(suffix: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        file = path.with_suffix(suffix)
        path.replace(file)
        _use(open_sources([str(file)]))

    return read


def _read_stream(path: Path) -> None:
    with path.open("rb") as file:
        _use(stream_frames(lambda: file))


def _use(items: Iterator[Frame | Unreadable]) -> None:
    """Read a source. Raises PictureError if it gives no frame."""
    before = os.environ.get("MOKA_MAX_PIXELS")
    os.environ["MOKA_MAX_PIXELS"] = _MOST_PIXELS
    try:
        found = [isinstance(each, Frame) for each in islice(items, _MOST_FRAMES)]
    finally:
        os.environ.pop("MOKA_MAX_PIXELS")
        if before is not None:
            os.environ["MOKA_MAX_PIXELS"] = before
    assert found, "a source says nothing at all"
    if not any(found):
        raise PictureError("no frame")


def _shade(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def _pictures() -> list[bytes]:
    return [cv2.imencode(suffix, _shade(1))[1].tobytes() for suffix in _PICTURES]


def _videos() -> list[bytes]:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, code in _VIDEOS.items():
            path = Path(folder) / name
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), 10, (64, 48))  # type: ignore[attr-defined]
            for number in range(6):
                writer.write(_shade(number))
            writer.release()
            found.append(path.read_bytes())
    return found


def _tars() -> list[bytes]:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number, suffix in enumerate((".png", ".jpg", ".png")):
            data = cv2.imencode(suffix, _shade(number))[1].tobytes()
            member = tarfile.TarInfo(f"set/{number}{suffix}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return [file.getvalue(), gzip.compress(file.getvalue(), mtime=0)]


def _streams() -> list[bytes]:
    """Three pictures one after another, and YUV4MPEG2."""
    plane = _shade(1)[..., 0].tobytes()
    frame = b"FRAME\n" + plane + plane[: 32 * 24 * 2]
    return [
        *(
            b"".join(cv2.imencode(suffix, _shade(n))[1].tobytes() for n in range(3))
            for suffix in (".jpg", ".png", ".ppm")
        ),
        b"YUV4MPEG2 W64 H48 F10:1 C420jpeg\n" + frame * 3,
    ]
