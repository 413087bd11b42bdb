"""A child process that is spoken to through its pipes, never waited for longer than a deadline, and never left running."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Frame = TypeVar("Frame")

SECONDS_TO_LEAVE = 10.0
"""For a process that was asked to end. Then it is killed."""
SECONDS_TO_DIE = 5.0
"""For a killed process, which the kernel may hold in a USB transfer. Then we go on without it."""
LOOK_AGAIN = 0.5
"""Seconds of silence after which we check whether the process has ended."""
LAST_LINES = 5
MAX_LINE = 4096
"""Bytes of one line of stderr that are kept."""
CHUNK = 1 << 20


class Child:
    """A running process. Raises OSError if it does not start.

    Lines of stderr that contain one of the texts `harmless` are not kept.
    """

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], harmless: Sequence[str] = ()
    ) -> None:
        pipe = subprocess.PIPE
        # Unbuffered pipes, because each is read and written by its descriptor. A session of its own, because Ctrl-C is
        # for us alone: we then stop the process and everything that it started.
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environment, start_new_session=True
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.received = bytearray()
        """What came from stdout and was not taken yet."""
        self.stopped = False
        self._stdin = self.process.stdin
        self._stdout = self.process.stdout
        self._stderr = self.process.stderr
        self._harmless = [text.encode() for text in harmless]
        self._line = bytearray()
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    def exchange(self, request: bytes, take: Callable[[bytearray], Frame | None], deadline: float) -> Frame:
        """Write a request, then read until `take` finds a frame in what was received; keep the lines of stderr meanwhile.

        Raises TimeoutError when time.monotonic() passes the deadline, EOFError if the process closed its stdout, and
        what `take` raises.
        """
        left = memoryview(request)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        sending = True
        frame = None
        while frame is None:
            ready = self._selector.select(max(0.0, min(LOOK_AGAIN, deadline - time.monotonic())))
            if not ready and self._has_ended():
                # Something that it started still holds its pipes.
                raise EOFError
            for key, _ in ready:
                if key.fileobj is self._stdin:
                    left = left[self._write(left) :]
                elif key.fileobj is self._stderr:
                    self._read_stderr()
                else:
                    self._read_stdout()
            if sending and not left:
                self._selector.unregister(self._stdin)
                sending = False
            frame = take(self.received)
            if frame is None and time.monotonic() >= deadline:
                raise TimeoutError
        # Lines that were written before the answer are in the pipe by now.
        while self._read_stderr():
            pass
        return frame

    def last_words(self) -> str:
        """Return the last lines of stderr, each after a line break and two spaces, and forget them."""
        self._keep(bytes(self._line))
        self._line.clear()
        lines = "".join(f"\n  {line}" for line in self._lines)
        self._lines.clear()
        return lines

    def leave(self) -> int | None:
        """Close stdin, which asks the process to leave. Returns its exit code, or None if it had to be killed."""
        deadline = time.monotonic() + SECONDS_TO_LEAVE
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._stdin)
        self._stdin.close()
        # A process that writes its last lines into a full pipe would never end, so they are read.
        while not (ended := self._has_ended()) and time.monotonic() < deadline:
            for key, _ in self._selector.select(0.01):
                if key.fileobj is self._stderr:
                    self._read_stderr()
                elif not os.read(self._stdout.fileno(), CHUNK):
                    self._selector.unregister(self._stdout)
        self.stop()
        return self.process.returncode if ended else None

    def stop(self) -> None:
        """Kill the process and everything that it started, keep its last lines, and close the pipes."""
        if self.stopped:
            return
        self.stopped = True
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(SECONDS_TO_DIE)
        while self._read_stderr():
            pass
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()

    def _has_ended(self) -> bool:
        """Return whether the process has ended. It is not reaped, so that its number still means its group in stop."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _write(self, data: memoryview) -> int:
        """Write what the pipe holds and return its length. The end of the process is noticed at its stdout."""
        try:
            return os.write(self._stdin.fileno(), data[:CHUNK])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(data)

    def _read_stdout(self) -> None:
        data = os.read(self._stdout.fileno(), CHUNK)
        if not data:
            raise EOFError
        self.received += data

    def _read_stderr(self) -> bool:
        """Keep the last lines of what is in the pipe. Returns whether there was anything."""
        try:
            data = os.read(self._stderr.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not data and self._stderr in self._selector.get_map():
            self._selector.unregister(self._stderr)
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        for line in lines:
            self._keep(line)
        self._line = bytearray(rest[:MAX_LINE])
        return bool(data)

    def _keep(self, line: bytes) -> None:
        if line.strip() and not any(text in line for text in self._harmless):
            self._lines.append(line[:MAX_LINE].decode("utf-8", "replace").rstrip())
