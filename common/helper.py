"""A helper process in another Python, for libraries that the Python of this project cannot load.

    with Helper("the MYRIAD compiler", python, Path("myriad_worker.py")) as helper:
        answer = helper.call("compile", {"xml": "net.xml"}, seconds=300)

The process runs helper_worker.py, which describes what a worker looks like and the frames that go both ways.

    HelperError                     no answer
    ├── HelperNotStarted            the program is missing or cannot be executed
    ├── HelperTimeout               no answer in time; the process was stopped
    ├── HelperEnded                 the process ended by itself, or its output is no answer
    └── HelperRefused               the worker's function raised an exception; the process goes on
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import MokaError
from .helper_worker import array_sizes, pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOADER = Path(__file__).with_name("helper_worker.py")
SECONDS_TO_LEAVE = 10.0
"""For a process that was asked to end; after that it is killed."""
SECONDS_TO_DIE = 5.0
"""For a killed process, which the kernel may hold in a USB transfer; after that we go on without it."""
LOOK_AGAIN = 0.5
"""Seconds after which a silent process is looked at: it may have ended."""
LAST_LINES = 5
MAX_LINE = 4096
"""Bytes of one line of stderr that are kept."""
MAX_HEADER = 1 << 24
CHUNK = 1 << 20


class HelperError(MokaError):
    """A helper process gave no answer. `last_words` holds the last lines of its stderr, each after a line break."""

    def __init__(self, text: str, last_words: str = "") -> None:
        super().__init__(text + last_words)
        self.text = text
        self.last_words = last_words


class HelperNotStarted(HelperError):
    """The program is missing or cannot be executed."""


class HelperTimeout(HelperError):
    """There was no answer in time, and the process was stopped."""


class HelperEnded(HelperError):
    """The process ended by itself, or wrote something that is no answer and was stopped."""


class HelperRefused(HelperError):
    """The worker's function raised an exception of the type `kind` with the text `reason`."""

    def __init__(self, name: str, kind: str, reason: str, last_words: str) -> None:
        super().__init__(f"{name} says: {kind}: {reason}" if reason else f"{name} says: {kind}", last_words)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """What a worker's function returned: JSON values and numpy arrays by name."""

    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class Helper:
    """A running helper process. `name` stands in messages, such as "the MYRIAD compiler".

    `harmless`: lines of stderr that contain one of these texts are not kept. `keep_python_path` hands on PYTHONPATH and
    PYTHONHOME, which are for our Python and are removed otherwise. Raises HelperNotStarted.
    """

    def __init__(
        self, name: str, python: Path, worker: Path, harmless: Sequence[str] = (), keep_python_path: bool = False
    ) -> None:
        self.name = name
        self._harmless = [text.encode() for text in harmless]
        self._received = bytearray()
        self._stderr_line = bytearray()
        self._stderr_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._closed = False
        self._ended: HelperEnded | None = None
        pipe = subprocess.PIPE
        try:
            # Unbuffered pipes: each is read and written by descriptor, up to a deadline. A session of its own: Ctrl-C
            # is for us, who then stop the process and all that it has started.
            self._process = subprocess.Popen(
                [python, LOADER, worker.resolve()],
                stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0,
                env=_environment(keep_python_path), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise HelperNotStarted(f"{python}: does not start ({error.strerror}).") from error
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr = self._process.stderr
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    def call(
        self,
        function: str,
        values: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]] | None = None,
        *,
        seconds: float,
    ) -> Answer:
        """Call the worker's `function` with JSON values and arrays, and wait up to `seconds` for what it returns.

        Raises HelperRefused if it raised an exception; the process then goes on. After HelperTimeout and HelperEnded
        the process is gone, and so it is if this call is interrupted.
        """
        if self._ended:
            raise self._ended
        request = pack({"call": function, "values": values}, arrays or {})
        try:
            header, pieces = self._exchange(b"".join(request), time.monotonic() + seconds)
        except TimeoutError:
            self._stop()
            text = f"{self.name} gave no answer in {seconds:g} s and was stopped."
            self._ended = HelperEnded(text)
            raise HelperTimeout(text, self._last_words()) from None
        except EOFError:
            self._ended = HelperEnded(self._leave(), self._last_words())
            raise self._ended from None
        except ValueError:
            begin = bytes(self._received[:60])
            self._stop()
            text = f"{self.name} wrote something that is no answer, and was stopped. It begins with {begin!r}."
            self._ended = HelperEnded(text, self._last_words())
            raise self._ended from None
        except BaseException:
            self._stop()
            self._ended = HelperEnded(f"{self.name} was stopped.")
            raise
        if "error" in header:
            error = header["error"]
            raise HelperRefused(self.name, error["type"], error["text"], self._last_words())
        return Answer(header["values"], unpack(header, pieces))

    def close(self) -> None:
        """End the process: ask it to leave, kill it if it does not. Closing twice is a no-op."""
        if not self._closed:
            self._leave()
            self._ended = HelperEnded(f"{self.name} was closed.")

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _exchange(self, request: bytes, deadline: float) -> tuple[dict[str, Any], list[bytes]]:
        """Write a request and read one frame; what comes on stderr meanwhile is kept.

        Raises TimeoutError, EOFError (the process closed its stdout) or ValueError (no frame).
        """
        left = memoryview(request)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        sending = True
        frame = None
        while frame is None:
            ready = self._selector.select(max(0.0, min(LOOK_AGAIN, deadline - time.monotonic())))
            if not ready and self._has_ended():  # while something that it started holds its pipes
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
            frame = self._frame()
            if frame is None and time.monotonic() >= deadline:
                raise TimeoutError
        # The worker wrote these lines before its answer, so they are in the pipe by now.
        while self._read_stderr():
            pass
        return frame

    def _write(self, data: memoryview) -> int:
        """Write what fits into the pipe. A process that has gone is noticed at its stdout, after its last words."""
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
        self._received += data

    def _frame(self) -> tuple[dict[str, Any], list[bytes]] | None:
        """Take the first frame out of what was received; None while it is incomplete, ValueError if it is none."""
        end = self._received.find(b"\n", 0, MAX_HEADER)
        if end < 0:
            if len(self._received) >= MAX_HEADER or not self._received.startswith(b"{"[: len(self._received)]):
                raise ValueError
            return None
        try:
            header = json.loads(self._received[:end])
            if set(header) not in ({"values", "arrays"}, {"error", "arrays"}):
                raise ValueError
            sizes = array_sizes(header)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError from error
        start = end + 1
        if len(self._received) < start + sum(sizes):
            return None
        pieces = []
        for size in sizes:
            pieces.append(bytes(self._received[start : start + size]))
            start += size
        del self._received[:start]
        return header, pieces

    def _read_stderr(self) -> bool:
        """Keep the last lines of what is in the pipe. Returns whether there was anything."""
        try:
            data = os.read(self._stderr.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not data and self._stderr in self._selector.get_map():
            self._selector.unregister(self._stderr)
        *lines, rest = (bytes(self._stderr_line) + data).split(b"\n")
        for line in lines:
            self._keep(line)
        self._stderr_line = bytearray(rest[:MAX_LINE])
        return bool(data)

    def _keep(self, line: bytes) -> None:
        if line.strip() and not any(text in line for text in self._harmless):
            self._stderr_lines.append(line[:MAX_LINE].decode("utf-8", "replace").rstrip())

    def _last_words(self) -> str:
        """Return the lines kept from stderr, each after a line break and two spaces, and forget them."""
        self._keep(bytes(self._stderr_line))
        self._stderr_line.clear()
        lines = "".join(f"\n  {line}" for line in self._stderr_lines)
        self._stderr_lines.clear()
        return lines

    def _leave(self) -> str:
        """Close stdin, which asks the process to leave, and wait for its end. Returns a sentence about how it ended."""
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
        self._stop()
        code = self._process.returncode
        if not ended:
            return f"{self.name} closed its output but went on, and was stopped."
        if code < 0:
            return f"{self.name} was ended by signal {-code} ({_signal_name(-code)})."
        return f"{self.name} ended with exit code {code}."

    def _has_ended(self) -> bool:
        """Whether the process has ended. It stays a zombie, so that its number still stands for its group in _stop."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _stop(self) -> None:
        """Kill the process and all that it started, keep its last lines, and close the pipes."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_DIE)
        while self._read_stderr():
            pass
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()


def _environment(keep_python_path: bool) -> dict[str, str]:
    environment = dict(os.environ)
    if not keep_python_path:
        environment.pop("PYTHONPATH", None)
        environment.pop("PYTHONHOME", None)
    return environment


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
