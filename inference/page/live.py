"""The camera or video that is shown: read, answered about, drawn, and handed to all who watch.

A thread reads, so that a camera's newest frame is always at hand; another asks the device and draws. Frames that come
meanwhile are dropped. While nobody watches, the device rests.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.errors import MokaError
from common.messages import last_line

from ..analyzer import Analysis
from ..frame import Frame, Unreadable
from ..pipeline import close_source
from ..tracker import Tracker
from .engine import Engine

if TYPE_CHECKING:
    from faces.pictures import Picture

QUALITY = 80
LONGEST = 1280
"""Pixels. Larger frames are reduced before they are drawn on and sent; the device sees them whole."""
RATE_OVER = 20
"""Frames over which the rate is taken."""
AGAIN_SECONDS = 2.0
"""After which a source that has failed is opened again."""
STILL_SECONDS = 3.0
"""For which a picture is shown that is no video."""


@dataclass(frozen=True)
class Shot:
    """A frame that was answered about. `jpeg` has the answers drawn in, `frame` has not."""

    number: int
    frame: Frame
    analysis: Analysis
    jpeg: bytes
    rate: float
    latency: float
    dropped: int


class Live:
    """Reads `source` for ever. `open_source` opens it, and is called again when it ends: a video begins again."""

    def __init__(
        self,
        source: str,
        open_source: Callable[[], Iterator[Frame | Unreadable]],
        engine: Engine,
        draw: Callable[[Picture, Analysis], Picture],
    ) -> None:
        self.source = without_password(source)
        self.problem = ""
        self._open = open_source
        self._engine = engine
        self._draw = draw
        self._changed = threading.Condition()
        self._frame: tuple[Frame, float] | None = None
        self._dropped = 0
        self._watchers = 0
        self._closed = threading.Event()
        self._latest: Shot | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._published: asyncio.Event | None = None
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._answer)]
        self._opened = threading.Event()

    def start(self) -> None:
        """Begin to read. Called where the event loop runs."""
        self._loop = asyncio.get_running_loop()
        self._published = asyncio.Event()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads, and let everybody go who watches."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._publish(None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep the device at work on this source."""
        self._watch(1)
        try:
            yield
        finally:
            self._watch(-1)

    async def shots(self) -> AsyncGenerator[Shot, None]:
        """Yield the newest shot, then each newer one that there is when the last was taken. Ends when this is closed."""
        number = 0
        with self.watching():
            while not self._closed.is_set():
                assert self._published
                published = self._published
                if self._latest and self._latest.number > number:
                    number = self._latest.number
                    yield self._latest
                    continue
                await published.wait()

    def _watch(self, change: int) -> None:
        with self._changed:
            self._watchers += change
            if not self._watchers:
                # Whoever comes next must not see an old frame.
                self._latest = None
            self._changed.notify_all()

    def _read(self) -> None:
        while not self._closed.is_set():
            try:
                self._read_once()
            except Exception as error:
                self.problem = str(error) if isinstance(error, MokaError) else last_line(error)
            self._closed.wait(AGAIN_SECONDS if self.problem else 0.05)

    def _read_once(self) -> None:
        """Read the source to its end. A video is shown at its own speed."""
        frames = self._open()
        begun = time.monotonic()
        came = first = False
        expected = 0
        try:
            for each in frames:
                if self._closed.is_set():
                    return
                if isinstance(each, Unreadable):
                    self.problem = f"{without_password(each.name)}: {each.reason.rstrip('.')}."
                    continue
                came = True
                self.problem = ""
                if not each.live:
                    # What follows a first frame and is a first frame again is another picture, or another video.
                    self._closed.wait(STILL_SECONDS if first and each.index == 0 else 0)
                    first = each.index == 0
                    begun = time.monotonic() if first else begun
                    self._closed.wait(max(0.0, begun + each.seconds - time.monotonic()))
                with self._changed:
                    if self._watchers:
                        # A gap in a camera's numbers is frames that were not even taken.
                        dropped = bool(self._frame) + (max(0, each.index - expected) if each.live else 0)
                        self._dropped += dropped
                        self._engine.metrics.live_dropped.inc(dropped)
                    expected = each.index + 1
                    self._frame = (each, time.monotonic())
                    self._changed.notify_all()
        finally:
            close_source(frames)
        if not came and not self.problem:
            self.problem = f"{self.source}: there is no picture in it."
        self._closed.wait(STILL_SECONDS if first else 0)

    def _answer(self) -> None:
        tracker = Tracker()
        times: deque[float] = deque(maxlen=RATE_OVER)
        last = -1
        number = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed.is_set() or (self._frame and self._watchers))
                if self._closed.is_set() or not self._frame:
                    return
                frame, came = self._frame
                self._frame = None
                dropped = self._dropped
            if frame.index <= last:
                # It began again: nobody is who they were.
                tracker = Tracker()
            last = frame.index
            try:
                analysis = tracker.update(self._engine.submit(frame.picture).result())
            except CancelledError:
                return
            except Exception as error:
                # A fault must not end the thread: nobody would see why the picture stands still.
                self.problem = str(error) if isinstance(error, MokaError) else last_line(error)
                self._closed.wait(AGAIN_SECONDS)
                continue
            number += 1
            times.append(time.monotonic())
            rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
            jpeg = self._jpeg(frame.picture, analysis)
            latency = (time.monotonic() - came) * 1e3 + frame.milliseconds
            self._engine.metrics.live_frames.inc()
            self._publish(Shot(number, frame, analysis, jpeg, rate, latency, dropped))

    def _jpeg(self, picture: Picture, analysis: Analysis) -> bytes:
        import cv2
        import numpy as np

        drawn = self._draw(picture, analysis)
        height, width = drawn.shape[:2]
        scale = LONGEST / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
        return bytes(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])

    def _publish(self, shot: Shot | None) -> None:
        """Hand a shot to all who wait, in their thread. None: there is nothing more."""

        def publish() -> None:
            if shot and self._watchers:
                self._latest = shot
            published = self._published
            self._published = asyncio.Event()
            if published:
                published.set()

        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(publish)


def without_password(source: str) -> str:
    """Return a URL without the user and password in it."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
