"""How far a run is: on a terminal one line that is written again and again, in a log a line for every 1,000 pictures."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

AT_MOST_EVERY = 0.2
"""Seconds between two writings of the line."""
LINE_EVERY = 1000
"""Pictures between two lines in a log."""
WINDOW, STEP = 15.0, 0.5
"""Seconds: the rate is that of so many, measured in steps of so many. The slow start counts no longer then."""
_ERASE = "\r\x1b[K"


class Progress:
    """Shows on stderr how many pictures are done, how many a second, and the time left if `total` is known.

    Use it as a context manager. `advance` moves it by one; `pause` removes the line before something else is printed.
    """

    def __init__(
        self,
        total: int | None = None,
        shown: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._shown = shown
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._done = 0
        self._dropped = 0
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._written = float("-inf")
        self._visible = False

    def advance(self, dropped: int = 0) -> None:
        """Count a picture. `dropped` is how many frames of a camera were dropped so far."""
        self._done += 1
        self._dropped = dropped
        now = self._clock()
        if now - self._marks[-1][0] >= STEP:
            self._marks.append((now, self._done))
            while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW:
                self._marks.popleft()
        if not self._shown:
            return
        if not self._terminal:
            if self._done % LINE_EVERY == 0:
                self._write(f"{self.line(now)}\n")
        elif now - self._written >= AT_MOST_EVERY:
            self._written = now
            # A line that is wrapped could not be overwritten.
            columns = shutil.get_terminal_size().columns
            self._write(f"{_ERASE}{self.line(now)[: columns - 1]}")
            self._visible = True

    def line(self, now: float) -> str:
        """Return what is shown: 312 of 1,000 pictures, 54.1 a second, 0:12 left."""
        count = f"{self._done:,}" if self._total is None else f"{self._done:,} of {self._total:,}"
        parts = [f"{count} picture{'' if (self._total or self._done) == 1 else 's'}"]
        since, before = self._marks[0]
        # Before the first step ends, it would be a guess.
        rate = (self._done - before) / (now - since) if now - since >= STEP else 0.0
        if rate:
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute")
            if self._total is not None:
                parts.append(f"{_clock_time(max(0, self._total - self._done) / rate)} left")
        if self._dropped:
            parts.append(f"{self._dropped:,} frames dropped")
        return ", ".join(parts)

    def pause(self) -> None:
        """Remove the line from the terminal. The next `advance` may show it again."""
        if self._visible:
            self._write(_ERASE)
            self._visible = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # Nobody reads stderr. The work goes on.
            self._shown = False


def _clock_time(seconds: float) -> str:
    """Write a span as 0:12, 3:05 or 2:03:05."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
