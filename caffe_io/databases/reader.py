"""What readers of every kind of database have in common: records in the order of their keys."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from ..errors import DatabaseError

Self = TypeVar("Self", bound="Reader")


class Reader(ABC):
    """Reads a database. Several readers of one process may share it. A reader is also a context manager.

    Raises DatabaseError if `path` cannot be entered.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            # Fails for a folder that is not ours to enter, or a name that no file can have.
            (self.path / "data.mdb").stat()
        except (FileNotFoundError, NotADirectoryError):
            # Each kind has its own words for that.
            pass
        except OSError as error:
            raise DatabaseError(
                f"{self.path}: cannot be read ({error.strerror}). Check the path and its permissions."
            ) from error
        except ValueError as error:
            raise DatabaseError(
                f"{self.path}: cannot be read (its name holds a NUL byte). Correct the path."
            ) from error

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of records, which is at least 1."""

    @abstractmethod
    def __iter__(self) -> Iterator[bytes]:
        """Yield the keys, without reading the values."""

    @abstractmethod
    def items(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) from the record with index `start` (from 0) to the last."""

    def views(self) -> Iterator[tuple[bytes | memoryview, bytes | memoryview]]:
        """Yield (key, value), without copying them if that is possible. Both are valid only until the next step."""
        yield from self.items()

    def cycle(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) without end, as Caffe's Data layer does: after the last record comes the first again.

        Begins at record `start`, which may exceed the number of records.
        """
        if start:
            # Only then, because to count the records of a LevelDB takes a pass through it.
            start %= len(self)
        while True:
            yield from self.items(start)
            start = 0

    @abstractmethod
    def close(self) -> None:
        """Release the database."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Writer(Protocol):
    """Takes the records of a new database one by one."""

    def put(self, key: bytes, value: bytes) -> None:
        """Add a record. Keys may come in any order; a repeated key replaces the earlier value."""
