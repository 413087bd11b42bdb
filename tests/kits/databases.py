"""Records for the tests of databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from caffe_io.databases.reader import Writer


def records(count: int, size: int = 10) -> list[tuple[bytes, bytes]]:
    """Records under keys in ascending order, each of its own byte."""
    return [(b"%08d_a.jpg" % i, bytes([i % 256]) * size) for i in range(count)]


def written(
    path: Path, items: list[tuple[bytes, bytes]], write: Callable[[Path], AbstractContextManager[Writer]]
) -> Path:
    """Write `items` with write_lmdb or write_leveldb, and return `path`."""
    with write(path) as db:
        for key, value in items:
            db.put(key, value)
    return path
