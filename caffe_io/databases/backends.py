"""The kinds of database in which Caffe keeps records: a row for each, under the name that --backend gives.

The reader of Caffe detects nothing: a prototxt or an option says of which kind a database is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from common.files import Recognise

from ..caffe_pb2 import DataParameter
from .leveldb_store import LevelDbReader, is_leveldb, write_leveldb
from .lmdb_store import LmdbReader, is_lmdb, write_lmdb
from .reader import Reader, Writer


@dataclass(frozen=True)
class Backend:
    """How a kind of database is opened for reading, written, and known by the names of its files."""

    read: Callable[[str | os.PathLike[str]], Reader]

    write: Callable[[str | os.PathLike[str], bool], AbstractContextManager[Writer]]
    """Takes the path, and whether a database of the same kind may be replaced."""

    recognise: Recognise


BACKENDS: dict[str, Backend] = {
    "lmdb": Backend(LmdbReader, write_lmdb, is_lmdb),
    "leveldb": Backend(LevelDbReader, write_leveldb, is_leveldb),
}


def open_database(param: DataParameter) -> Reader:
    """Open the database that a Data layer names. Raises DatabaseError."""
    return BACKENDS[DataParameter.DB.Name(param.backend).lower()].read(param.source)
