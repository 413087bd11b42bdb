"""Several tables of labels as one set: the pictures, their labels as numbers, and the order in which they are written.

A table is a CSV file with the header picture,person,TASK,TASK,...; an empty cell is an absent label. A task that a table
lacks is absent for all of its pictures.
"""

from __future__ import annotations

import csv
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from caffe_io.text.picture_list import read_list_text
from common.errors import UsageError
from common.messages import known_names
from common.tasks import TASKS

from ..errors import ListError, LmdbBuildError
from ..lists import Entry
from ..samples import shuffled

_REPEATED = re.compile(r"(.+):([0-9]{1,9})", re.DOTALL)
_NOT_LABELS = ("picture", "person")
# A label is a float in Caffe, and a loss makes an int of it.
_LARGEST = 2**24


class Source(NamedTuple):
    """A table, and how often each of its pictures goes into the database."""

    path: str
    repeats: int


@dataclass(frozen=True)
class LabelSet:
    """The pictures of several tables.

    `labels` is pictures x tasks, float32, with the value for absent labels in its place. `order` holds the number of a
    picture for each record. What a picture needs in memory is its path and some bytes more.
    """

    paths: Sequence[str]
    labels: npt.NDArray[np.float32]
    known: npt.NDArray[np.int64]
    order: Sequence[int]

    def entries(self) -> Iterator[Entry]:
        """Yield an entry for each record, as convert_imageset reads them from a list.

        Its label is the one label if that is a whole number, so that the record is convert_imageset's, and otherwise 0.
        """
        one = self.labels.shape[1] == 1 and bool((self.labels == self.labels.round()).all())
        for number in self.order:
            yield Entry(self.paths[number], int(self.labels[number, 0]) if one else 0)


def parse_source(text: str) -> Source:
    """Return the table that FILE.csv or FILE.csv:REPEATS names. Raises UsageError for 0 repeats."""
    found = _REPEATED.fullmatch(text)
    if not found or os.path.lexists(text):
        return Source(text, 1)
    if not int(found[2]):
        raise UsageError(
            f"--table {text}: its pictures would be left out. Give at least 1 repeat, or leave the table out."
        )
    return Source(found[1], int(found[2]))


def read_label_set(
    sources: Sequence[Source], tasks: Sequence[str], absent: int | None, seed: int | None = None
) -> LabelSet:
    """Read the tables, one after the other, each as often as its source says; with `seed`, in a random order.

    Raises ListError for a wrong line; UsageError for a task that no table has; LmdbBuildError if there is one task and
    not a single label, for a label that is absent while `absent` is None, and for one that is as large as `absent`.
    """
    paths: list[str] = []
    numbers = array("f")
    order: list[int] = []
    known = np.zeros(len(tasks), np.int64)
    named: dict[str, None] = {}
    for source in sources:
        first = len(paths)
        columns, rows = read_rows(source.path)
        named |= dict.fromkeys(columns)
        places = [columns.index(task) if task in columns else None for task in tasks]
        for where, path, values in rows:
            paths.append(path)
            for index, place in enumerate(places):
                value = None if place is None else values[place]
                known[index] += source.repeats * (value is not None)
                numbers.append(_number(value, absent, tasks[index], where))
        order += list(range(first, len(paths))) * source.repeats
    for task, count in zip(tasks, known, strict=True):
        if task not in named and (task not in TASKS or len(tasks) == 1):
            raise UsageError(f"--tasks {task}: no table has such a column. {known_names(task, named)}")
        # A net of several tasks may be trained further on a set that knows fewer of them.
        if not count and len(tasks) == 1:
            raise LmdbBuildError(
                f"{task}: not one picture has this label. Leave it out of --tasks, or check the tables."
            )
    labels = np.frombuffer(numbers, np.float32).reshape(len(paths), len(tasks))
    return LabelSet(paths, labels, known, order if seed is None else shuffled(order, seed))


def _number(value: float | None, absent: int | None, task: str, where: str) -> float:
    if value is None and absent is None:
        raise LmdbBuildError(
            f'{where}: has no label "{task}". Say which number stands for an absent label, for example --absent -1. '
            "Losses and Accuracy leave it out with ignore_label: -1."
        )
    if value is not None and value == absent:
        raise LmdbBuildError(
            f'{where}: its label "{task}" is {value:g}, which --absent {absent} declares absent. Choose another number.'
        )
    return float(absent if value is None else value)  # type: ignore[arg-type]


def read_rows(path: str) -> tuple[list[str], Iterator[tuple[str, str, list[float | None]]]]:
    """Return the names of a table's tasks, and its rows: file and line, the picture, and the labels in that order.

    Raises ListError for a line that is not of the table's form.
    """
    try:
        text = read_list_text(path)
    except OSError as error:
        raise ListError(
            f"{path}: cannot be read ({error.strerror}). Make the tables with ./moka build_dataset."
        ) from error
    rows = csv.reader(text.split("\n"))
    header = next(rows, [])
    tasks = [name for name in header if name not in _NOT_LABELS]
    if "picture" not in header or not tasks or len(set(header)) < len(header):
        raise ListError(
            f"{path}, line 1: {','.join(header)!r} is no header of a table. Expected: picture,person,TASK,..."
        )
    return tasks, _rows(path, rows, header, tasks)


def _rows(
    path: str, rows: Iterator[list[str]], header: list[str], tasks: list[str]
) -> Iterator[tuple[str, str, list[float | None]]]:
    empty = True
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        where = f"{path}, line {line}"
        if len(row) != len(header):
            raise ListError(f"{where}: has {len(row)} cells; expected {len(header)}: {','.join(header)}.")
        cells = dict(zip(header, row, strict=True))
        if not cells["picture"]:
            raise ListError(f"{where}: names no picture.")
        yield where, cells["picture"], [_label(cells[task], task, where) for task in tasks]
        empty = False
    if empty:
        raise ListError(f"{path}: holds no pictures. Expected a line for each, after the header.")


def _label(cell: str, task: str, where: str) -> float | None:
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not abs(value) <= _LARGEST:
        raise ListError(
            f'{where}: the label "{task}" is {cell!r}; expected a number up to {_LARGEST}, or an empty cell.'
        )
    return value
