"""Reads and writes LevelDB databases, for which the package plyvel is needed. It is not installed by itself.

LevelDB has no way to read only: whoever opens a database tidies its files up and locks it against other processes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from common.files import atomic_folder

from ..errors import DatabaseError
from .reader import Reader

# Bytes, as in Caffe: records are pictures, so larger blocks than LevelDB's own compress better.
_BLOCK = 65536
# Bytes that wait in memory before they become a file.
_BUFFER = 16 << 20
# From this Python on, plyvel must be compiled.
_NOT_READY_MADE = (3, 13)

_FILES = re.compile(r"CURRENT|LOCK|LOG|LOG\.old|MANIFEST-[0-9]+|[0-9]+\.(ldb|sst|log)")


def is_leveldb(names: set[str]) -> bool:
    """Say whether a folder that holds these names is a LevelDB and nothing else."""
    return "CURRENT" in names and all(map(_FILES.fullmatch, names))


class LevelDbWriter:
    """Takes records one by one; `write_leveldb` makes it."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._batch = database.write_batch(sync=True)
        self._bytes = 0

    def put(self, key: bytes, value: bytes) -> None:
        """Add a record. Keys may come in any order; a repeated key replaces the earlier value."""
        self._batch.put(key, value)
        self._bytes += len(value)
        if self._bytes >= _BUFFER:
            self.finish()

    def finish(self) -> None:
        """Write the remaining records."""
        self._batch.write()
        self._batch.clear()
        self._bytes = 0


@contextmanager
def write_leveldb(path: str | os.PathLike[str], force: bool = False) -> Iterator[LevelDbWriter]:
    """Write a database: `with write_leveldb("x_leveldb") as db: db.put(key, value)`.

    The folder appears when the block ends without an error. Raises OutputExists if `path` exists and `force` is false,
    DatabaseError if it cannot be written or plyvel is missing. Then nothing is left behind.
    """
    plyvel = _plyvel(path)
    with atomic_folder(path, force, is_leveldb) as folder:
        try:
            options = {"create_if_missing": True, "write_buffer_size": _BUFFER, "block_size": _BLOCK}
            with closing(plyvel.DB(str(folder), **options)) as database:
                writer = LevelDbWriter(database)
                yield writer
                writer.finish()
        except plyvel.Error as error:
            raise DatabaseError(
                f"{path}: the database could not be written ({_reason(error)}); nothing was left behind. "
                "Free some space, or write to another disk."
            ) from error


class LevelDbReader(Reader):
    """Reads a database in key order, and checks every block against its checksum.

    Raises DatabaseError if there is no LevelDB at `path`, or if it is damaged, empty, or open in another process.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        if not (self.path / "CURRENT").is_file():
            if (self.path / "data.mdb").is_file():
                raise DatabaseError(f"{self.path}: is an LMDB. Write `backend: LMDB`, or --backend lmdb.")
            raise DatabaseError(
                f"{self.path}: no LevelDB here (CURRENT is missing). Make it with ./moka convert_imageset --backend leveldb."
            )
        if odd := next((file.name for file in self.path.iterdir() if not file.is_file()), None):
            # LevelDB would wait for ever for somebody to write into a FIFO.
            raise DatabaseError(f"{self.path}: is no LevelDB, because {odd} in it is not an ordinary file.")
        self._plyvel = _plyvel(self.path)
        try:
            self._handle: _Handle | None = _shared_handle(self.path, self._plyvel)
            # plyvel misses a damaged block if it is the last one, unless the database is read from its end.
            last = next(self._iterator(reverse=True, include_value=False), None)
        except self._plyvel.Error as error:
            self.close()
            raise self._error(error) from error
        if last is None:
            raise DatabaseError(f"{self.path}: holds no records. Make it again from a list of readable pictures.")

    @cached_property
    def _entries(self) -> int:
        return sum(1 for _ in self)

    def __len__(self) -> int:
        return self._entries

    def __iter__(self) -> Iterator[bytes]:
        """Yield the keys."""
        return self._records(include_value=False)

    def items(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) from the record with index `start` (from 0) to the last."""
        for index, record in enumerate(self._records()):
            if index >= start:
                yield record

    def close(self) -> None:
        """Release the database."""
        self._handle = None

    def _records(self, **options: bool) -> Iterator[Any]:
        try:
            yield from self._iterator(**options)
        except self._plyvel.Error as error:
            raise self._error(error) from error

    def _iterator(self, **options: bool) -> Iterator[Any]:
        if self._handle is None:
            raise DatabaseError(f"{self.path}: the reader was closed. Open a new one.")
        iterator: Iterator[Any] = self._handle.database.iterator(verify_checksums=True, fill_cache=False, **options)
        return iterator

    def _error(self, error: Exception) -> DatabaseError:
        reason = _reason(error)
        if "LOCK" in reason:
            return DatabaseError(
                f"{self.path}: cannot be opened ({reason}). A LevelDB can be open in one process at a time, which must be "
                "allowed to write into its folder. For several processes make an LMDB."
            )
        return DatabaseError(f"{self.path}: cannot be read as a LevelDB ({reason}). Make it again.")


class _Handle:
    """A database that is open until its last reader has gone."""

    def __init__(self, path: Path, plyvel: Any) -> None:
        self.database = plyvel.DB(str(path), create_if_missing=False, paranoid_checks=True)

    def __del__(self) -> None:
        if hasattr(self, "database"):
            self.database.close()


_open_handles: WeakValueDictionary[tuple[int, Path], _Handle] = WeakValueDictionary()


def _shared_handle(path: Path, plyvel: Any) -> _Handle:
    """Return the handle of the database at `path`. A process may open it only once, but two nets may read it."""
    identity = (os.getpid(), path.resolve())
    found = _open_handles.get(identity)
    if found is None:
        found = _open_handles[identity] = _Handle(path, plyvel)
    return found


def _plyvel(path: str | os.PathLike[str]) -> Any:
    try:
        import plyvel
    except ModuleNotFoundError as error:
        advice = f"Install it: {sys.executable} -m pip install plyvel"
        if sys.version_info >= _NOT_READY_MADE:
            advice = (
                f"For Python {sys.version_info[0]}.{sys.version_info[1]} there is no ready-made one. Use Python 3.10 to 3.12, or "
                f"convert the database to LMDB there. With a C++ compiler and LevelDB's headers (libleveldb-dev), pip builds it: "
                f"{sys.executable} -m pip install plyvel"
            )
        raise DatabaseError(f"{path}: LevelDB needs the package plyvel. {advice}") from error
    return plyvel


def _reason(error: Exception) -> str:
    """Return LevelDB's own words, which plyvel hands over as bytes."""
    words = error.args[0] if error.args else ""
    return words.decode(errors="replace") if isinstance(words, bytes) else str(error)
