"""How a command ends when a signal asks it to: in order, and without half-written files.

| signal | in the block of `ending_in_order` | exit code |
|---|---|---|
| SIGINT (Ctrl-C) | raises KeyboardInterrupt; a second one ends the process at once | 130 |
| SIGTERM (kill, timeout, docker stop, Slurm) | raises Terminated | 143 |
| SIGHUP (the terminal was closed) | raises Terminated | 129 |

Both are raised in the main thread, between two of its Python statements. While a module is being imported the process
ends at once instead: an exception in the middle of an import breaks libraries written in C++, which then abort. "At once"
still deletes the files in UNFINISHED.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

UNFINISHED: set[Path] = set()
"""Temporary files and folders that no longer make sense when the process ends. common/files.py keeps this up to date."""

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(SystemExit):
    """SIGTERM or SIGHUP asked the process to end. Its `code` is the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Let signals end what is in the block as the table above says, then put back the handlers that were there.

    A signal that the caller ignores, as nohup does, stays ignored. In another than the main thread this is a no-op.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {number: signal.getsignal(number) for number in _CAUGHT}
    for number, old in before.items():
        if old != signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def leave_at_once(code: int) -> NoReturn:
    """End this process now: delete what is unfinished, but run nothing else that waits for the end."""
    for path in tuple(UNFINISHED):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
    with contextlib.suppress(OSError):
        os.write(2, b"stopped\n")
    os._exit(code)


class _Handler:
    def __init__(self) -> None:
        self._ending = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _is_importing(frame) or (self._ending and number == signal.SIGINT):
            leave_at_once(128 + number)
        if self._ending:
            # It is ending already.
            return
        self._ending = True
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
