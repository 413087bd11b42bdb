"""What SIGINT, SIGHUP and SIGTERM do to a training: stop it, write a snapshot, or nothing."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple

EFFECTS = ("stop", "snapshot", "none")


class Stop(NamedTuple):
    """A training that a signal ended early: the solver state to resume from, and the command's exit code."""

    state: str
    exit_code: int


class Signals:
    """Records which signals have arrived, so that the solver can act between two iterations.

    `sigint` and `sighup` are each one of EFFECTS. `stop` and `snapshot` say what has been requested. `exit_code` is that of
    a command which the signal stopped. `report` takes a line for the log.

    A process that trains `alone` also stops on SIGTERM, and a SIGINT after a stop was requested raises KeyboardInterrupt.
    torchrun sends both signals to its processes for other reasons. One of several ignores SIGINT from a stop on.
    """

    def __init__(self, sigint: str, sighup: str, report: Callable[[str], None], alone: bool = True) -> None:
        self.stop = False
        self.snapshot = False
        self.exit_code = 130
        self._report = report
        self._alone = alone
        self._before: dict[signal.Signals, Any] = {}
        self._effects = {signal.SIGINT: sigint}
        if alone:
            # From docker, Slurm and timeout.
            self._effects[signal.SIGTERM] = "stop"
        # Windows has no SIGHUP.
        if hasattr(signal, "SIGHUP"):
            self._effects[signal.SIGHUP] = sighup

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the signals inside the block, except those that the caller has the process ignore, as nohup does."""
        self._before = {number: signal.getsignal(number) for number in self._effects}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            if self.stop and not self._alone:
                # torchrun may pass Ctrl-C on only now, while the curves and the last lines are written.
                signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        effect = self._effects[signal.Signals(number)]
        if effect == "snapshot":
            self.snapshot = True
        if effect != "stop" or self.stop:
            return
        self.stop = True
        if number == signal.SIGTERM:
            self.exit_code = 128 + number
        message = "Stopping after this iteration, with a snapshot."
        if number == signal.SIGINT and self._alone:
            signal.signal(signal.SIGINT, self._before[signal.SIGINT])
            message += " Ctrl-C again stops at once."
        # Printing fails if the signal interrupted another line of the log.
        with contextlib.suppress(RuntimeError):
            self._report(message)
