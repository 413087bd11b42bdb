"""Tables, divisions, records and landmarks, damaged, and what reads them."""

from __future__ import annotations

import contextlib
import io
import shutil
from functools import cache
from pathlib import Path

from faces.landmarks import read_face
from lmdb_build.__main__ import ROOM
from lmdb_build.cutting.record import read_record
from lmdb_build.divide.part_file import apply_part_file
from lmdb_build.labels.label_tables import Source, read_label_set
from lmdb_build.samples import Sample
from lmdb_build.tables import open_table, read_table, read_tasks

from .damage import Make, Read, damaged_text
from .data_sets import CSV, folder_beside

_TABLE = "picture,person,gender,years\np/0.png,ann,1,34\np/1.png,bob,,61.5\np/2.png,,0,\n"
_TASKS = (
    '{\n  "eyes": {"classes": ["open", "closed"], "ordered": false},\n  "height": {"bins": [0, 1, 2.5]},\n'
    '  "gender": {"classes": ["male", "female"], "ordered": false}\n}\n'
)
_DIVISION = "file,age,part\n0.png,21,train\nsub/1.png,22,test\n2.png,40,valid\n"
_RECORD = (
    '{"options": {"faces": "haar", "margin": 0.1, "size": 64}, "counts": {"cut": 1, "left out": 1}, "pictures": {"a.png": '
    '{"source": "12ab", "cut": "34cd", "faces": 2, "score": 0.5, "box": [1, 2, 3, 4], "eyes": [[1, 2], [3, 4]]}, "b.png": '
    '{"source": "56ef", "reason": "no face"}}}\n'
)


def kinds() -> dict[str, tuple[Make, Read]]:
    """Return the kinds of input: for each, what makes an input and what reads it."""
    return {
        "build_dataset": (damaged_text(lambda: CSV), _build),
        "table": (damaged_text(lambda: _TABLE), _read_table),
        "tasks": (damaged_text(lambda: _TASKS), _read_tasks),
        "division": (damaged_text(lambda: _DIVISION), _read_division),
        "record": (damaged_text(lambda: _RECORD), _read_record),
        "landmarks": (damaged_text(_points), read_face),
    }


@cache
def _png(number: int) -> bytes:
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.full((4, 4, 3), number, np.uint8))[1].tobytes()


def _build(path: Path) -> None:
    """Run build_dataset, and read what it wrote."""
    folder = folder_beside(path, "built", *(f"p/{number}.png" for number in range(4)))
    for number in range(4):
        (folder / f"p/{number}.png").write_bytes(_png(number))
    shutil.copyfile(path, folder / "set.csv")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        words = [
            "--images",
            str(folder / "set.csv"),
            "--dataset",
            "csv",
            "--split",
            "0.5",
            "--out",
            str(folder / "out"),
        ]
        try:
            ROOM.main(["build_dataset", *words])
        finally:
            written = sorted(each.name for each in (folder / "out").glob("*"))
            assert not written or "tasks.json" in written, f"half written: {written}"
    tables = [read_table(folder / f"out/{part}.csv") for part in ("train", "test")]
    pictures = [row.picture for table in tables for row in table.rows]
    assert 2 <= len(set(pictures)) == len(pictures) <= 4


def _read_table(path: Path) -> None:
    path.with_name("tasks.json").unlink(missing_ok=True)
    _, rows = open_table(path)
    count = sum(1 for _ in rows)
    found = read_label_set([Source(str(path), 2)], ["gender", "years"], absent=-1)
    assert len(found.paths) == count and len(found.order) == 2 * count


def _read_tasks(path: Path) -> None:
    for task in read_tasks(path).values():
        task.value({task.name: 1.0})


def _read_division(path: Path) -> None:
    samples = [Sample(Path(name), name) for name in ("0.png", "x/sub/1.png", "2.png", "3.png")]
    named, _ = apply_part_file(samples, path)
    assert all(each.fold in ("train", "val", "test") or each.fold.isdecimal() for each in named)


def _read_record(path: Path) -> None:
    options: dict[str, object] = {"faces": "haar", "margin": 0.1, "size": 64}
    read_record(path, options, force=True).write(path.with_name("record.json"))
    assert read_record(path.with_name("record.json"), options, force=False).options == options


def _points() -> str:
    return "version: 1\nn_points: 68\n{\n" + "".join(f"{n * 3 % 71}.5 {n * 7 % 83}\n" for n in range(68)) + "}\n"
