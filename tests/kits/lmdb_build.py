"""Makes small pictures and folders of them, for the tests of lmdb_build."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import Datum
from kits.commands import run_process
from lmdb_build.__main__ import ROOM

AGE_NAMES = [
    (0, "0-9"),
    (9, "0-9"),
    (10, "10-19"),
    (69, "60-69"),
    (79, "70-79"),
    (80, "80-120"),
    (116, "80-120"),
    (120, "80-120"),
]
"""Ages at the borders of their classes, and the names of the classes."""


def picture(seed: int = 0, height: int = 24, width: int = 20, channels: int = 3) -> NDArray[np.uint8]:
    """Draw soft coloured blots: height x width x channels (no third axis for one channel). Each seed gives another picture."""
    noise = np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (5, 5), 0), np.uint8)


def write_picture(path: Path, seed: int = 0, height: int = 24, width: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture(seed, height, width))
    return path


def write_faces(folder: Path, people: Iterable[tuple[int, int]], chip: bool = False) -> list[Path]:
    """Write a picture with a UTKFace name for each (age, gender)."""
    return [
        write_picture(folder / f"{age}_{gender}_2_2017{number:013d}.jpg{'.chip.jpg' if chip else ''}", seed=number)
        for number, (age, gender) in enumerate(people)
    ]


def truncate(path: Path, part: float = 0.7) -> Path:
    """Cut the file's end off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def records(database: Path) -> list[tuple[str, Datum]]:
    """Read the keys and Datums of a database with lmdb and protobuf alone."""
    with lmdb.open(str(database), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return [(bytes(key).decode(), Datum.FromString(bytes(value))) for key, value in transaction.cursor()]


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and modification time of all files below `folder`: the same before and after if nothing was changed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def command(*words: object, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m lmdb_build WORDS` in `folder`, as a process."""
    return run_process("-m", "lmdb_build", *words, folder=folder, **options)


def verb(name: str) -> Callable[[Sequence[str]], object]:
    """A verb of the room, called in this process with its words."""
    return lambda words: ROOM.main([name, *map(str, words)])
