"""Several tables of labels as one set: the pictures, their labels as numbers, and the order in which they are written.

The tables are those of lmdb_build/tables.py. A task that a table lacks is absent for all of its pictures.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.errors import UsageError
from common.messages import known_names
from common.tasks import TASKS, Task

from ..errors import LmdbBuildError, TableError
from ..lists import Entry
from ..samples import shuffled
from ..tables import open_table

_REPEATED = re.compile(r"(.+):([0-9]{1,9})", re.DOTALL)


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

    Raises TableError for a wrong line; UsageError for a task that no table has, unless it is one of Moka's and not the only
    one; LmdbBuildError if there is one task and not a single label, for a label that is absent while `absent` is None, and
    for one that is equal to `absent`.
    """
    paths: list[str] = []
    numbers = array("f")
    order: list[int] = []
    known = np.zeros(len(tasks), np.int64)
    named: dict[str, tuple[Task, str]] = {}
    for source in sources:
        first = len(paths)
        columns, rows = open_table(source.path)
        for name, task in columns.items():
            _refuse_other_classes(task, source.path, *named.setdefault(name, (task, source.path)))
        for line, row in rows:
            paths.append(row.picture)
            for index, name in enumerate(tasks):
                value = row.values.get(name)
                known[index] += source.repeats * (value is not None)
                numbers.append(_number(value, absent, name, f"{source.path}, line {line}"))
        order += list(range(first, len(paths))) * source.repeats
    for name, count in zip(tasks, known, strict=True):
        if name not in named and (name not in TASKS or len(tasks) == 1):
            raise UsageError(f"--tasks {name}: no table has such a column. {known_names(name, named)}")
        # A net of several tasks may be trained further on a set that knows fewer of them.
        if not count and len(tasks) == 1:
            raise LmdbBuildError(
                f"{name}: not one picture has this label. Leave it out of --tasks, or check the tables."
            )
    labels = np.frombuffer(numbers, np.float32).reshape(len(paths), len(tasks))
    return LabelSet(paths, labels, known, order if seed is None else shuffled(order, seed))


def _refuse_other_classes(task: Task, path: str, first: Task, first_path: str) -> None:
    if (task.classes, task.bins) != (first.classes, first.bins):
        raise TableError(
            f"{path}: its {task.name} is {_about(task)}, but in {first_path} it is {_about(first)}. One number would mean two "
            "things. Give both the same classes in the same order."
        )


def _about(task: Task) -> str:
    return ", ".join(task.classes) if task.classes else f"a number from {task.bins[0]:g} to {task.bins[-1]:g}"


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
