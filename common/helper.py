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

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .child import Child
from .errors import MokaError
from .helper_worker import RawArray, array_sizes, pack, unpack

LOADER = Path(__file__).with_name("helper_worker.py")
MAX_HEADER = 1 << 24
MAX_ARRAYS = 1 << 32
"""Bytes of the arrays of one answer, so that a worker that goes wrong does not fill the memory."""


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


class NumpyArray(Protocol):
    """What `Helper.call` uses of a numpy array."""

    @property
    def dtype(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def tobytes(self) -> bytes: ...


@dataclass(frozen=True)
class Reply:
    """What a worker's function returned: JSON values, and arrays by name, which are for numpy.asarray."""

    values: dict[str, Any]
    arrays: dict[str, RawArray]


class Helper:
    """A running helper process. `name` stands in messages, such as "the MYRIAD compiler".

    `harmless`: lines of stderr that contain one of these texts are not kept. `keep_python_path` hands on PYTHONPATH and
    PYTHONHOME, which are for our Python and are removed otherwise. Raises HelperNotStarted.
    """

    def __init__(
        self, name: str, python: Path, worker: Path, harmless: Sequence[str] = (), keep_python_path: bool = False
    ) -> None:
        self.name = name
        self._ended: HelperEnded | None = None
        try:
            self._child = Child([python, LOADER, worker.resolve()], _environment(keep_python_path), harmless)
        except OSError as error:
            raise HelperNotStarted(f"{python}: does not start ({error.strerror}).") from error

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._child.process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None before the end."""
        return self._child.process.returncode

    def call(
        self,
        function: str,
        values: Mapping[str, Any],
        arrays: Mapping[str, NumpyArray] | None = None,
        *,
        seconds: float,
    ) -> Reply:
        """Call the worker's `function` with JSON values and arrays, and wait up to `seconds` for what it returns.

        Raises HelperRefused if it raised an exception; the process then goes on. After HelperTimeout and HelperEnded
        the process is gone, and so it is if this call is interrupted.
        """
        if self._ended:
            raise self._ended
        request = b"".join(pack({"call": function, "values": values}, arrays or {}))
        child = self._child
        try:
            header, pieces = child.exchange(request, take_frame, time.monotonic() + seconds)
        except TimeoutError:
            child.stop()
            text = f"{self.name} gave no answer in {seconds:g} s and was stopped."
            self._ended = HelperEnded(text)
            raise HelperTimeout(text, child.last_words()) from None
        except EOFError:
            text = f"{self.name} {_how_it_ended(child.leave())}"
            self._ended = HelperEnded(text, child.last_words())
            raise self._ended from None
        except ValueError:
            child.stop()
            begin = bytes(child.received[:60])
            text = f"{self.name} wrote something that is no answer, and was stopped. It begins with {begin!r}."
            self._ended = HelperEnded(text, child.last_words())
            raise self._ended from None
        except BaseException:
            # Its answer would come when the next one is expected.
            child.stop()
            self._ended = HelperEnded(f"{self.name} was stopped.")
            raise
        if "error" in header:
            error = header["error"]
            raise HelperRefused(self.name, error["type"], error["text"], child.last_words())
        return Reply(header["values"], unpack(header, pieces))

    def close(self) -> None:
        """End the process: ask it to leave, kill it if it does not. Closing twice is a no-op."""
        if not self._child.stopped:
            self._child.leave()
            self._ended = HelperEnded(f"{self.name} was closed.")

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_frame(received: bytearray) -> tuple[dict[str, Any], list[bytes]] | None:
    """Take the first answer out of what was received: its header and the bytes of its arrays.

    Returns None while it is incomplete. Raises ValueError if it is no answer.
    """
    end = received.find(b"\n", 0, MAX_HEADER)
    if end < 0:
        if len(received) >= MAX_HEADER or (received and not received.startswith(b"{")):
            raise ValueError
        return None
    try:
        header = json.loads(received[:end])
        if set(header) not in ({"values", "arrays"}, {"error", "arrays"}):
            raise ValueError
        sizes = array_sizes(header)
        if sum(sizes) > MAX_ARRAYS:
            raise ValueError
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError from error
    start = end + 1
    if len(received) < start + sum(sizes):
        return None
    pieces = []
    for size in sizes:
        pieces.append(bytes(received[start : start + size]))
        start += size
    del received[:start]
    return header, pieces


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "closed its output but went on, and was stopped."
    if code >= 0:
        return f"ended with exit code {code}."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"was ended by signal {-code} ({name})."


def _environment(keep_python_path: bool) -> dict[str, str]:
    environment = dict(os.environ)
    if not keep_python_path:
        environment.pop("PYTHONPATH", None)
        environment.pop("PYTHONHOME", None)
    return environment
