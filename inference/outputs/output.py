"""What an output is: it takes every picture with the answers about it, and what was left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar

from common.errors import MokaError
from common.files import atomic_file

if TYPE_CHECKING:
    from common.card import ModelCard

    from ..analyzer import Analysis
    from ..frame import Frame, Unreadable
    from ..runner import Runner

T = TypeVar("T")


class Output(Protocol):
    """Where answers go. An output that is neither closed nor discarded leaves no file."""

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Take a picture with the answers about its faces."""
        ...

    def left_out(self, unreadable: Unreadable) -> None:
        """Take the name of what could not be read, and the reason."""
        ...

    def close(self) -> None:
        """Finish: a file is in its place only afterwards."""
        ...

    def discard(self) -> None:
        """Give up: what was written so far is deleted."""
        ...


@dataclass(frozen=True)
class About:
    """What answers: the device, why it was chosen, and the cards of the networks on it."""

    device: str
    runtime: str
    precision: str
    why: str
    load: float
    warm_up: float
    cards: Sequence[ModelCard]

    @classmethod
    def of(cls, runner: Runner) -> About:
        """Describe an open runner."""
        device = runner.device
        return cls(
            device.name, device.runtime, device.precision, runner.why, runner.load, runner.warm_up, tuple(runner.cards)
        )

    @property
    def networks(self) -> str:
        """The names of the networks."""
        return ", ".join(card.name for card in self.cards)


class Outputs:
    """Several outputs as one. As a context manager it closes them, or discards them after an exception."""

    def __init__(self, outputs: Iterable[Output]) -> None:
        self._outputs = list(outputs)

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Hand a picture to all of them."""
        for output in self._outputs:
            output.write(frame, analysis)

    def left_out(self, unreadable: Unreadable) -> None:
        """Say what could not be read to all of them."""
        for output in self._outputs:
            output.left_out(unreadable)

    def close(self) -> None:
        """Finish all of them. If one cannot be finished, the others are, before its error is raised."""
        with ExitStack() as stack:
            for output in self._outputs:
                stack.callback(output.close)

    def discard(self) -> None:
        """Give all of them up."""
        with ExitStack() as stack:
            for output in self._outputs:
                stack.callback(output.discard)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()


class FileStack:
    """Atomic files and folders that are open while an output is."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def enter(self, context: AbstractContextManager[T]) -> T:
        """Open a file; `close` puts it into its place."""
        return self._stack.enter_context(context)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Give the files up after an error in the block. An error of the system then names the file."""
        try:
            yield
        except (OSError, MokaError):
            with self._stack.pop_all():
                raise

    def close(self) -> None:
        """Put the files into their places."""
        self._stack.close()

    def discard(self) -> None:
        """Delete the files."""
        with suppress(_Discarded), self._stack.pop_all():
            raise _Discarded


class _Discarded(Exception):
    """Ends the context of a file that is given up."""


class Lines:
    """A text file in UTF-8 that is complete or missing; without a `path`, standard output."""

    def __init__(self, path: Path | None, force: bool) -> None:
        self._files = FileStack()
        self._stream: TextIO = sys.stdout
        self._at_once = path is None
        if path:
            temporary = self._files.enter(atomic_file(path, force))
            # Names of files may hold bytes that are no text.
            self._stream = self._files.enter(
                temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            )

    def write(self, text: str) -> None:
        """Write some whole lines. A reader of standard output has them at once."""
        with self._files.guarded():
            self._stream.write(text)
            if self._at_once:
                self._stream.flush()

    def close(self) -> None:
        """Put the file into its place."""
        self._files.close()

    def discard(self) -> None:
        """Delete the file."""
        self._files.discard()
