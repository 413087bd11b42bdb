"""Frames from a camera, which does not wait and may fall silent at any time.

A thread of its own opens the camera and reads it, because a call into a camera's driver or into the network may never
return. Whoever asks for frames gets the latest, and waits no longer than SILENCE. `index` counts what the camera sent, so a
gap in it is frames that nobody took in time.

The rule for an interruption: a camera that has sent a frame and then falls silent or ends is opened again after 1, 2, 4, 8
and 16 seconds. Frames for STEADY seconds start the count afresh. A camera that never sent one is not opened again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from common.commands import LOGGER
from common.errors import PictureError
from faces.pictures import silent_opencv

from ..frame import Frame, Unreadable
from .video import check_frame, check_size, frame_count, why_short

if TYPE_CHECKING:
    from faces.pictures import Picture

SILENCE = 15.0
"""Seconds without a frame, or without an answer while the camera is opened, after which it is given up."""
STEADY = 10.0
"""Seconds for which a camera must send frames to count as one that works again."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each attempt to open a camera again."""
LONG = 5.0
"""Seconds before an end that are called a silence."""
MOST_DAMAGED = 30
"""Frames one after another: webcams begin with some that are."""
SECONDS_TO_LEAVE = 2.0
"""For the thread to release the camera. One that hangs in the driver is left behind; it ends with the program."""


class Shot(NamedTuple):
    """What a reader has: the picture, its number, when it came (time.monotonic), when it is shown, and its cost."""

    number: int
    picture: Picture
    came: float
    seconds: float
    milliseconds: float


def live_frames(name: str, open_capture: Callable[[], Any], live: bool | None = True) -> Iterator[Frame | Unreadable]:
    """Yield the frames of a camera. `open_capture` returns a cv2.VideoCapture or raises PictureError, with the reason alone.

    With `live` False it is no camera but a file somewhere else: all its frames are yielded, and it is not opened again, because
    it would begin again. None: it is such a file if it knows its length.
    """
    first, opened, attempt = 0, time.monotonic(), 0
    while True:
        sent, began = 0, time.monotonic()
        reader = _Reader(open_capture, live)
        try:
            while shot := reader.take(SILENCE):
                sent = shot.number + 1
                if shot.came - began >= STEADY:
                    attempt = 0
                seconds = shot.came - opened if reader.live else shot.seconds
                yield Frame(
                    name, shot.picture, first + shot.number, seconds, reader.live, shot.milliseconds, moving=True
                )
        finally:
            reader.stop()
        first += sent
        if sent and not reader.live:
            if reader.reason:
                yield Unreadable(name, reader.reason)
            return
        reason = reader.reason or "the stream ended"
        if not first or attempt == len(WAITS):
            yield Unreadable(name, f"{reason}. It was opened again {attempt} times" if attempt else reason)
            return
        # What it is was seen: it stays a camera, whether it opens again or not.
        live = True
        logging.getLogger(LOGGER).warning("%s: %s. Opening it again in %g s.", name, reason, WAITS[attempt])
        time.sleep(WAITS[attempt])
        attempt += 1


class _Reader:
    """A thread that opens a camera and keeps its latest frame."""

    def __init__(self, open_capture: Callable[[], Any], live: bool | None) -> None:
        self.live = bool(live)
        self.reason = ""
        """Why there are no more frames, once `take` returned None."""
        self._open_capture = open_capture
        self._live = live
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._ended = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> Shot | None:
        """Return the latest frame that was not taken yet. Waits up to `seconds` for it. None: there are no more."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._shot or self._ended, seconds)
            shot, self._shot = self._shot, None
            self._changed.notify_all()
            if not came:
                self.reason = f"nothing came for {seconds:g} s"
            return shot

    def stop(self) -> None:
        """Release the camera."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(SECONDS_TO_LEAVE)

    def _run(self) -> None:
        capture = None
        try:
            # OpenCV reports on the terminal that a camera falls silent, and which frames are damaged.
            with silent_opencv():
                capture = self._open_capture()
                check_size(capture)
                if self._live is None:
                    self.live = not frame_count(capture)
                self._read(capture)
        except Exception as error:
            # In a thread of its own nobody else would see it.
            self.reason = str(error) or type(error).__name__
        finally:
            if capture is not None:
                capture.release()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read(self, capture: Any) -> None:
        import cv2

        number, damaged, shown, came = 0, 0, 0.0, time.monotonic()
        while not self._stopped and capture.grab():
            begun, came = time.perf_counter(), time.monotonic()
            found, picture = capture.retrieve()
            if not found:
                damaged += 1
                if damaged > MOST_DAMAGED:
                    raise PictureError("it sends frames that cannot be decoded")
                continue
            damaged = 0
            check_frame(picture)
            # The wait for the camera's next frame is no work.
            milliseconds = (time.perf_counter() - begun) * 1e3
            shown = 0.0 if self.live else capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            with self._changed:
                if not self.live:
                    self._changed.wait_for(lambda: self._shot is None or self._stopped)
                self._shot = Shot(number, picture, came, shown, milliseconds)
                self._changed.notify_all()
            number += 1
        if not number:
            raise PictureError("it opened, but sends no frame that can be decoded")
        if (silence := time.monotonic() - came) >= LONG:
            raise PictureError(f"nothing came for {silence:.0f} s")
        if not self.live and not self._stopped:
            self.reason = why_short(capture, shown)
