"""Databases and window files that are damaged, or that claim more than they hold."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import lmdb

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.leveldb_store import write_leveldb

from .cases import Case, Ends
from .paths import Prepare, fifo, file_of, link_to
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


@cache
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


# --- LevelDB


def _leveldb(damage: Prepare) -> Prepare:
    """Return what makes a LevelDB `it` of the LMDB's records and damages it."""

    def prepare(folder: Path) -> None:
        with (
            lmdb.open(str(folder / "data/lmdb/test_lmdb"), readonly=True, lock=False) as environment,
            environment.begin() as reading,
            write_leveldb(folder / "it") as database,
        ):
            for key, value in reading.cursor():
                database.put(key, value)
        damage(folder / "it")

    return prepare


def _without(pattern: str) -> Prepare:
    def damage(database: Path) -> None:
        for file in database.glob(pattern):
            file.unlink()

    return damage


def _replaced(name: str, make: Prepare) -> Prepare:
    def damage(database: Path) -> None:
        (database / name).unlink(missing_ok=True)
        make(database / name)

    return damage


def _bytes(pattern: str, seed: int, cut: bool = False) -> Prepare:
    """Return what changes a few bytes of the files of that pattern, or cuts them short."""

    def damage(database: Path) -> None:
        chance = random.Random(seed)
        for file in sorted(database.glob(pattern)):
            data = bytearray(file.read_bytes())
            if cut:
                del data[chance.randrange(len(data) + 1) :]
            for _ in range(chance.randint(1, 5) if data else 0):
                data[chance.randrange(len(data))] = chance.randrange(256)
            file.write_bytes(data)

    return damage


_LEVELDBS: dict[str, Prepare] = {
    "no CURRENT": _without("CURRENT"),
    "no MANIFEST": _without("MANIFEST-*"),
    "no records": _without("*.l[do][bg]"),
    "CURRENT empty": _replaced("CURRENT", lambda path: path.touch()),
    "CURRENT names nothing": _replaced("CURRENT", lambda path: path.write_bytes(b"MANIFEST-999999\n")),
    "CURRENT leads outside": _replaced("CURRENT", lambda path: path.write_bytes(b"../face.jpg\n")),
    "CURRENT is a FIFO": _replaced("CURRENT", os.mkfifo),
    "CURRENT is /dev/zero": _replaced("CURRENT", lambda path: path.symlink_to("/dev/zero")),
    "CURRENT is a folder": _replaced("CURRENT", Path.mkdir),
    "a FIFO among its files": _replaced("000099.ldb", os.mkfifo),
    "/dev/zero among its files": _replaced("000099.log", lambda path: path.symlink_to("/dev/zero")),
    "LOCK is a folder": _replaced("LOCK", Path.mkdir),
    "MANIFEST cut short": _bytes("MANIFEST-*", 0, cut=True),
    "records cut short": _bytes("*.l[do][bg]", 1, cut=True),
}

# --- WindowData

_WINDOW_NET = """layer { name: "it" type: "WindowData" top: "it" top: "label" transform_param { crop_size: 16 }
  window_data_param { source: "it" batch_size: 4 fg_threshold: 0.5 bg_threshold: 0.5 } }
"""
_HEAD = "# 0\nface.jpg\n3 24 20\n"
_FOUND, _ELSE = "1 0.9 0 0 9 9\n", "0 0.1 3 3 12 12\n"
_WINDOWS: dict[str, str] = {
    "empty": "",
    "no window": f"{_HEAD}0\n",
    "background alone": f"{_HEAD}1\n{_ELSE}",
    "a billion claimed": f"{_HEAD}999999999\n{_FOUND}{_ELSE}",
    "fewer than none": f"{_HEAD}-1\n{_FOUND}{_ELSE}",
    "outside the picture": f"{_HEAD}2\n1 0.9 500 500 900 900\n0 0.1 500 500 900 900\n",
    "from right to left": f"{_HEAD}2\n1 0.9 9 9 0 0\n0 0.1 12 12 3 3\n",
    "NaN": f"{_HEAD}2\n1 0.9 nan nan nan nan\n0 0.1 nan nan nan nan\n",
    "beyond int64": f"{_HEAD}2\n1 0.9 0 0 1e30 1e30\n0 0.1 0 0 1e30 1e30\n",
    "words": f"{_HEAD}2\nred green blue 0 0 0\n{_ELSE}",
    "four channels": f"# 0\nface.jpg\n4 24 20\n2\n{_FOUND}{_ELSE}",
    "object of class 0": f"{_HEAD}2\n0 0.9 0 0 9 9\n{_ELSE}",
    "picture that is not there": f"# 0\nnowhere.jpg\n3 24 20\n2\n{_FOUND}{_ELSE}",
    "/dev/zero as a picture": f"# 0\n/dev/zero\n3 24 20\n2\n{_FOUND}{_ELSE}",
    "NUL in a name": f"# 0\na\0b\n3 24 20\n2\n{_FOUND}{_ELSE}",
    "one endless line": "# " + "9" * 3_000_000,
    "one endless name": f"# 0\n{'x' * 60_000}\n3 24 20\n2\n{_FOUND}{_ELSE}",
    "indices that jump": f"# 7\nface.jpg\n3 24 20\n2\n{_FOUND}{_ELSE}",
}


def _windows(prepare: Prepare) -> Prepare:
    def both(folder: Path) -> None:
        (folder / "net.prototxt").write_text(_WINDOW_NET)
        prepare(folder)

    return both


def _window_cases() -> list[Case]:
    time = ("time", "--iterations", "1", "--model", "net.prototxt")
    hostile = {name: file_of(text.encode()) for name, text in _WINDOWS.items()}
    hostile |= {"a FIFO": fifo, "/dev/zero": link_to("/dev/zero"), "binary": file_of(bytes(range(256)) * 20)}
    found = [Case(f"time windows/{name}", time, prepare=_windows(make)) for name, make in hostile.items()]
    good = file_of(f"{_HEAD}2\n{_FOUND}{_ELSE}".encode())
    return [*found, Case("time windows/that are right", time, Ends.DONE, _windows(good))]


def _leveldb_cases() -> list[Case]:
    """Return none where plyvel is not installed. LevelDB tidies up its files whenever it opens them."""
    if not find_spec("plyvel"):
        return []
    words = ("compute_image_mean", "--backend", "leveldb", "it", "new.binaryproto")
    found = [
        Case(f"compute_image_mean LevelDB/{name}", words, Ends.REFUSED, _leveldb(damage), may_change=("work/it/*",))
        for name, damage in _LEVELDBS.items()
    ]
    for seed in range(30):
        pattern = ("*.l[do][bg]", "MANIFEST-*", "CURRENT")[seed % 3]
        name = f"compute_image_mean LevelDB/damaged {pattern} {seed}"
        found.append(Case(name, words, Ends.EITHER, _leveldb(_bytes(pattern, seed)), may_change=("work/it/*",)))
    return found


def cases() -> list[Case]:
    """Return the cases."""
    found = [*_leveldb_cases(), *_window_cases()]
    found += [
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
