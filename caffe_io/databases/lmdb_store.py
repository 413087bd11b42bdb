"""Writes LMDB databases atomically, with a map that grows by itself, and reads them in key order without a copy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import lmdb

from common.file_kinds import HEAD, what_it_is
from common.files import atomic_folder
from common.inputs import check_input, open_input

from ..errors import DatabaseError
from .lmdb_pages import check_pages
from .reader import Reader

# Bytes; doubled when full. Caffe's map of 1 TB breaks 32-bit machines and some file systems.
_FIRST_MAP = 64 << 20
# Records per commit, as in Caffe's convert_imageset.
_BATCH = 1000
# Bytes per commit, because a thousand large pictures would fill the memory.
_BATCH_BYTES = 16 << 20
# Bytes; a limit of LMDB itself.
_LONGEST_KEY = 511


class LmdbWriter:
    """Takes records one by one; `write_lmdb` makes it. A thread writes them while the caller makes the next.

    `folder` is where the database lies until it is complete. Its length counts the records that are written.
    """

    def __init__(self, environment: lmdb.Environment, thread: ThreadPoolExecutor, folder: Path) -> None:
        self.folder = folder
        self._environment = environment
        self._thread = thread
        self._pending: list[tuple[bytes, bytes]] = []
        self._bytes = 0
        self._writing: Future[None] | None = None

    def put(self, key: bytes, value: bytes) -> None:
        """Add a record. Keys may come in any order; a repeated key replaces the earlier value.

        Raises DatabaseError for a key that LMDB cannot hold (empty, or longer than 511 bytes).
        """
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise DatabaseError(
                f"key {key[:40]!r}...: has {len(key)} bytes; LMDB takes 1 to {_LONGEST_KEY}. "
                "Shorten the picture's path."
            )
        self._pending.append((key, value))
        self._bytes += len(value)
        if len(self._pending) >= _BATCH or self._bytes >= _BATCH_BYTES:
            self._commit()

    def finish(self) -> None:
        """Write the remaining records and wait until all are written."""
        self._commit()
        self._wait()

    def __len__(self) -> int:
        return int(self._environment.stat()["entries"])

    def keys(self, backwards: bool = False) -> Iterator[bytes]:
        """Yield the keys that are written, in their order or backwards."""
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            steps = cursor.iterprev if backwards else cursor.iternext
            yield from map(bytes, steps(keys=True, values=False))

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key that is written, or None."""
        with self._environment.begin() as transaction:
            value = transaction.get(key)
        return None if value is None else bytes(value)

    def _commit(self) -> None:
        self._wait()
        self._writing = self._thread.submit(self._write, self._pending)
        self._pending = []
        self._bytes = 0

    def _wait(self) -> None:
        if self._writing:
            self._writing.result()

    def _write(self, records: list[tuple[bytes, bytes]]) -> None:
        """Write one transaction, in a larger map if the records do not fit."""
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in records:
                        transaction.put(key, value)
                return
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])


def is_lmdb(names: set[str]) -> bool:
    """Say whether a folder with these files is an LMDB and nothing else."""
    return "data.mdb" in names and names <= {"data.mdb", "lock.mdb"}


@contextmanager
def write_lmdb(
    path: str | os.PathLike[str], force: bool = False, begun: Path | None = None, keep: bool = False
) -> Iterator[LmdbWriter]:
    """Write a database: `with write_lmdb("x_lmdb") as db: db.put(key, value)`.

    The folder appears when the block ends without an error. Raises OutputExists if `path` exists, unless `force` is true
    and it is a database; DatabaseError if the disk is full. Then nothing is left behind.

    `begun` is the folder of a run that was killed, with the records that it wrote. With `keep`, a signal leaves such a
    folder.
    """
    if begun:
        check_pages(begun)
    # 0: as large as it was.
    size = 0 if begun else _FIRST_MAP
    with atomic_folder(path, force, is_lmdb, begun, keep) as folder:
        try:
            with (
                closing(lmdb.open(str(folder), map_size=size, readahead=False)) as environment,
                ThreadPoolExecutor(1) as thread,
            ):
                writer = LmdbWriter(environment, thread, folder)
                yield writer
                writer.finish()
        except lmdb.Error as error:
            raise DatabaseError(
                f"{path}: the database could not be written ({error}); nothing was left behind. "
                "Free some space, or write to another disk."
            ) from error


class LmdbReader(Reader):
    """Reads a database in key order, without write permission or a lock file.

    Raises DatabaseError if there is no LMDB at `path`, or if it is damaged, cut short or empty.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        if (self.path / "CURRENT").is_file():
            raise DatabaseError(f"{self.path}: is a LevelDB. Write `backend: LEVELDB`, or --backend leveldb.")
        if self.path.is_file():
            with open_input(self.path) as file:
                kind = what_it_is(file.read(HEAD)) or "If it is a data.mdb, name the folder that it is in."
            raise DatabaseError(f"{self.path}: is a file; expected the folder of an LMDB, which holds data.mdb. {kind}")
        try:
            check_input(self.path / "data.mdb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DatabaseError(
                f"{self.path}: no LMDB here (data.mdb is missing). Make it with ./create_lmdb.sh."
            ) from error
        except OSError as error:
            raise DatabaseError(f"{self.path}: data.mdb cannot be read ({error.strerror}).") from error
        try:
            self._map: _Map | None = _shared_map(self.path)
            entries = int(self._environment().stat()["entries"])
        except lmdb.Error as error:
            raise DatabaseError(f"{self.path}: cannot be read as an LMDB ({error}). Make it again.") from error
        if not entries:
            raise DatabaseError(f"{self.path}: holds no records. Make it again from a list of readable pictures.")
        self._entries = entries

    def __len__(self) -> int:
        return self._entries

    def __iter__(self) -> Iterator[bytes]:
        """Yield the keys, without reading the values."""
        return (key for key, _ in self._records())

    def items(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) from the record with index `start` (from 0) to the last."""
        for index, (key, cursor) in enumerate(self._records()):
            if index >= start:
                yield key, bytes(cursor.value())

    def views(self) -> Iterator[tuple[memoryview, memoryview]]:
        """Yield (key, value) without copying them. Both are valid only until the next step."""
        try:
            with self._environment().begin(buffers=True) as transaction, transaction.cursor() as cursor:
                yield from cursor
        except lmdb.Error as error:
            raise DatabaseError(f"{self.path}: is damaged ({error}). Make it again.") from error

    def close(self) -> None:
        """Release the map."""
        self._map = None

    def _records(self) -> Iterator[tuple[bytes, lmdb.Cursor]]:
        """Yield each key, with the cursor on its record."""
        try:
            with self._environment().begin(buffers=True) as transaction, transaction.cursor() as cursor:
                for key in cursor.iternext(keys=True, values=False):
                    yield bytes(key), cursor
        except lmdb.Error as error:
            raise DatabaseError(f"{self.path}: is damaged ({error}). Make it again.") from error

    def _environment(self) -> lmdb.Environment:
        if self._map is None:
            raise DatabaseError(f"{self.path}: the reader was closed. Open a new one.")
        return self._map.environment


class _Map:
    """A database that is open for reading until its last reader has gone."""

    def __init__(self, path: Path) -> None:
        check_pages(path)
        # Readahead stays on, because records are read in order.
        self.environment = lmdb.open(str(path), readonly=True, lock=False)

    def __del__(self) -> None:
        if hasattr(self, "environment"):
            self.environment.close()


_open_maps: WeakValueDictionary[tuple[int, int, int], _Map] = WeakValueDictionary()


def _shared_map(path: Path) -> _Map:
    """Return the map of the database at `path`. A process may open it only once, but two nets may read it."""
    file = (path / "data.mdb").stat()
    identity = (os.getpid(), file.st_dev, file.st_ino)
    found = _open_maps.get(identity)
    if found is None:
        found = _open_maps[identity] = _Map(path)
    return found
