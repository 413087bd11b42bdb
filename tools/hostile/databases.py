"""Databases whose pages or records are damaged, and whose records claim more than they hold."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import lmdb

from caffe_io.caffe_pb2 import Datum

from .cases import Case, Ends
from .paths import Prepare
from .world import WEIGHTS

_READERS = {
    "compute_image_mean": "compute_image_mean data/lmdb/test_lmdb new.binaryproto",
    "test": f"test --model prototxt/Tiny/train_test.prototxt --iterations 3 --weights {WEIGHTS}",
    "evaluate": f"evaluate --model prototxt/Tiny/train_test.prototxt --weights {WEIGHTS}",
}
_FILE = "data/lmdb/test_lmdb/data.mdb"
_PAGE = 4096


def _pages(seed: int) -> Prepare:
    def prepare(folder: Path) -> None:
        chance = random.Random(seed)
        path = folder / _FILE
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 8)):
            # The headers of pages and the nodes behind them are what LMDB trusts.
            at = chance.randrange(2 * _PAGE, len(data), _PAGE) + chance.randrange(64)
            data[at] = chance.randrange(256)
        path.write_bytes(data)

    return prepare


def _record(change: Callable[[Datum], object]) -> Prepare:
    def prepare(folder: Path) -> None:
        with lmdb.open(str(folder / "data/lmdb/test_lmdb")) as environment, environment.begin(write=True) as writing:
            key, value = next(iter(writing.cursor()))
            datum = Datum.FromString(value)
            change(datum)
            writing.put(key, datum.SerializeToString())

    return prepare


def _set(**values: object) -> Callable[[Datum], object]:
    def change(datum: Datum) -> None:
        for name, value in values.items():
            setattr(datum, name, value)

    return change


def _nan(datum: Datum) -> None:
    datum.ClearField("data")
    datum.float_data.extend([float("nan")] * (datum.channels * datum.height * datum.width))


def png_bomb(side: int = 32000) -> bytes:
    """Return a PNG of side x side pixels, all alike, in some hundred kilobytes at most."""
    rows = zlib.compress(bytes((1 + side // 8) * side), 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _fifo(folder: Path) -> None:
    (folder / _FILE).unlink()
    os.mkfifo(folder / _FILE)


def _no_files(folder: Path) -> None:
    shutil.rmtree(folder / "data/lmdb/test_lmdb")
    (folder / "data/lmdb/test_lmdb").mkdir()


def _cut(folder: Path) -> None:
    path = folder / _FILE
    path.write_bytes(path.read_bytes()[: 3 * _PAGE])


_RECORDS: dict[str, Prepare] = {
    "claims more than it holds": _record(_set(height=60000, width=60000)),
    "negative size": _record(_set(height=-16, width=-16)),
    "another size": _record(_set(height=8, width=8, data=b"\0" * 192)),
    "floats that are NaN": _record(_nan),
    "encoded, a picture of a billion pixels": _record(_set(encoded=True, data=png_bomb())),
    "encoded, no picture": _record(_set(encoded=True, data=b"words")),
    "data.mdb is a FIFO": _fifo,
    "an empty folder": _no_files,
    "cut short": _cut,
}


def cases() -> list[Case]:
    """Return the cases."""
    found = [
        Case(f"{verb}/{name}", tuple(words.split(" ")), prepare=prepare)
        for verb, words in _READERS.items()
        for name, prepare in _RECORDS.items()
    ]
    # Bytes that LMDB does not use may change without harm.
    found += [
        Case(
            f"compute_image_mean/damaged pages {seed}",
            tuple(_READERS["compute_image_mean"].split(" ")),
            Ends.EITHER,
            _pages(seed),
        )
        for seed in range(40)
    ]
    return found
