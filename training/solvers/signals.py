"""What SIGINT and SIGHUP ask of a training: to stop, to write a snapshot, or nothing."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

EFFECTS = ("stop", "snapshot", "none")


class Signals:
    """Remembers the wishes of signals until the solver asks for them; `sigint` and `sighup` are among EFFECTS.

    `report` takes a line for the log. With `twice`, a second SIGINT after one that asked to stop is a KeyboardInterrupt.
    """

    def __init__(self, sigint: str, sighup: str, report: Callable[[str], None], twice: bool = True) -> None:
        self.stop = self.snapshot = False
        self._twice = twice
        self._effects = {signal.SIGINT: sigint}
        if hasattr(signal, "SIGHUP"):
            self._effects[signal.SIGHUP] = sighup
        self._report = report

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the signals inside the block."""
        before = {number: signal.signal(number, self._take) for number in self._effects}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        effect = self._effects[signal.Signals(number)]
        if effect == "snapshot":
            self.snapshot = True
        if effect != "stop" or self.stop:
            return
        self.stop = True
        at_once = number == signal.SIGINT and self._twice
        if at_once:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(RuntimeError):  # it interrupted a line that was just being written
            self._report("Stopping after this iteration, with a snapshot." + " Ctrl-C again stops at once." * at_once)
