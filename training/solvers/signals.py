"""What SIGINT and SIGHUP do to a training: stop it, write a snapshot, or nothing."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

EFFECTS = ("stop", "snapshot", "none")


class Signals:
    """Records which signals have arrived, so that the solver can act between two iterations.

    `sigint` and `sighup` are each one of EFFECTS. `stop` and `snapshot` say what has been requested. `report` takes a line
    for the log. With `second_interrupts`, a SIGINT after a stop was requested raises KeyboardInterrupt.
    """

    def __init__(self, sigint: str, sighup: str, report: Callable[[str], None], second_interrupts: bool = True) -> None:
        self.stop = False
        self.snapshot = False
        self._report = report
        self._second_interrupts = second_interrupts
        self._effects = {signal.SIGINT: sigint}
        # Windows has no SIGHUP.
        if hasattr(signal, "SIGHUP"):
            self._effects[signal.SIGHUP] = sighup

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the signals inside the block."""
        before = {number: signal.signal(number, self._handle) for number in self._effects}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        effect = self._effects[signal.Signals(number)]
        if effect == "snapshot":
            self.snapshot = True
        if effect != "stop" or self.stop:
            return
        self.stop = True
        message = "Stopping after this iteration, with a snapshot."
        if number == signal.SIGINT and self._second_interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            message += " Ctrl-C again stops at once."
        # Printing fails if the signal interrupted another line of the log.
        with contextlib.suppress(RuntimeError):
            self._report(message)
