"""APPA-REAL: 7,591 faces with the real age and the average of about 38 guesses, divided into train, valid and test.

gt_avg_PART.csv has a line for each picture, with the columns file_name, apparent_age_avg and real_age among others. The face
of PART/000000.jpg is PART/000000.jpg_face.jpg. If there is an ignore_list.txt, the pictures that it names are left out.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from common.tasks import OLDEST

from ..errors import DatasetError
from ..folders import files_below
from ..samples import Found, LeftOut, Note, Sample
from .options import ReaderOptions
from .text import find_one, read_lines, read_text

PARTS = ("train", "valid", "test")
_IGNORED = "ignore_list.txt"
_COLUMNS = {"apparent_age_avg": "apparent_years", "real_age": "years"}


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read the three tables below `folder`, and the crops of the faces."""
    names = files_below(folder)
    there = set(names)
    found = Found()
    ignored = _ignored(folder, names)
    missing = repeated = 0
    for part in PARTS:
        table = find_one(folder, names, f"gt_avg_{part}.csv", "APPA-REAL")
        below = table[: -len(f"gt_avg_{part}.csv")]
        rows = _read_part(folder / table)
        labels_of = _one_each(rows, folder / table)
        repeated += len(rows) - len(labels_of)
        for file_name, labels in labels_of.items():
            name = f"{below}{part}/{file_name}_face.jpg"
            if file_name in ignored or f"{part}/{file_name}" in ignored:
                found.left_out.append(LeftOut(name, f"{_IGNORED} names it"))
            elif name not in there:
                missing += 1
            else:
                found.samples.append(Sample(folder / name, name, labels, fold=part))
    if missing:
        found.notes.append(Note("lines whose face (FILE_face.jpg) is not there", missing))
    if repeated:
        found.notes.append(Note("lines that repeat another line", repeated))
    if not found.samples:
        raise DatasetError(f"{folder}: its tables name {missing} pictures, and the face of none is there.")
    return found


def _ignored(folder: Path, names: list[str]) -> set[str]:
    if not any(name.rpartition("/")[2] == _IGNORED for name in names):
        return set()
    path = folder / find_one(folder, names, _IGNORED, "APPA-REAL")
    return {line.strip().removesuffix("_face.jpg") for _, line in read_lines(path)}


def _read_part(path: Path) -> list[tuple[str, dict[str, float]]]:
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    rows = []
    try:
        missing = [name for name in ("file_name", *_COLUMNS) if name not in (lines.fieldnames or ())]
        if missing:
            raise DatasetError(
                f"{path}, line 1: has no column {missing[0]}. Found {','.join(lines.fieldnames or ())[:200]!r}; expected "
                f"file_name, {', '.join(_COLUMNS)}."
            )
        for row in lines:
            where = f"{path}, line {lines.line_num}"
            if None in row or None in row.values() or not row["file_name"]:
                raise DatasetError(f"{where}: has another number of cells than the first line.")
            rows.append((row["file_name"], {label: _age(row[name], name, where) for name, label in _COLUMNS.items()}))
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: is not CSV ({error}).") from error
    return rows


def _one_each(rows: list[tuple[str, dict[str, float]]], path: Path) -> dict[str, dict[str, float]]:
    """Return the labels of each file. Raises DatasetError if two lines of one file differ."""
    found: dict[str, dict[str, float]] = {}
    for file_name, labels in rows:
        if found.setdefault(file_name, labels) != labels:
            raise DatasetError(f"{path}: {file_name} has two lines with different ages. Expected one line a picture.")
    return found


def _age(text: str, column: str, where: str) -> float:
    try:
        age = float(text)
    except ValueError:
        age = -1
    if not 0 <= age <= OLDEST:
        raise DatasetError(f"{where}: {column} is {text[:40]!r}, expected years from 0 to {OLDEST}.")
    return age
