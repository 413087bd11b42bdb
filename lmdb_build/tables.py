"""The table of a part: a CSV file with a line for each picture and a column for each task, and tasks.json beside it.

    picture,person,age,gender,years
    faces/001A02.JPG,001,0,,2

An empty cell is an absent label. A class is given by its number, a task with bins by the number itself.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_io.text.picture_list import read_list_text
from common.files import atomic_file
from common.tasks import TASKS, Task

from .errors import TableError

TASKS_FILE = "tasks.json"
FIRST_COLUMNS = ("picture", "person")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True)
class Row:
    """A picture (a path relative to the current folder), who it shows ("" unknown), and its value in each task."""

    picture: str
    person: str
    values: dict[str, float | None]


@dataclass(frozen=True)
class Table:
    """The tasks in the order of the columns, and the rows in the order of the lines."""

    tasks: dict[str, Task]
    rows: list[Row]


def read_table(path: str | os.PathLike[str]) -> Table:
    """Return the table at `path`. Its tasks are those of tasks.json beside it, or else those of common/tasks.py.

    Raises TableError, with the number of the line, for anything that is not a table.
    """
    tasks, rows = open_table(path)
    return Table(tasks, [row for _, row in rows])


def open_table(path: str | os.PathLike[str]) -> tuple[dict[str, Task], Iterator[tuple[int, Row]]]:
    """Do the same without holding all rows in memory: return the tasks, and an iterator over (line, row)."""
    try:
        text = read_list_text(path)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}). Make the tables with build_dataset.") from error
    # One by one, because StringIO and splitlines would hold the text again, and several times its size.
    lines = csv.reader((found[0] for found in _LINE.finditer(text)), strict=True)
    with _csv_errors(path, lines):
        tasks = _tasks_of(next(lines, []), Path(path))
    return tasks, _rows(path, lines, tasks)


def _rows(path: str | os.PathLike[str], lines: Any, tasks: Mapping[str, Task]) -> Iterator[tuple[int, Row]]:
    empty = True
    with _csv_errors(path, lines):
        for cells in lines:
            if cells:
                empty = False
                yield lines.line_num, _row(cells, tasks, f"{path}, line {lines.line_num}")
    if empty:
        raise TableError(f"{path}: has no pictures. Expected a line for each after the header.")


@contextmanager
def _csv_errors(path: str | os.PathLike[str], lines: Any) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise TableError(f"{path}, line {lines.line_num}: is not CSV ({error}).") from error


def read_tasks(path: Path) -> dict[str, Task]:
    """Return the tasks of a tasks.json, or those of common/tasks.py if there is no such file."""
    try:
        text = read_list_text(path)
    except FileNotFoundError:
        return dict(TASKS)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        found = json.loads(text)
        return {str(name): _task(str(name), entry) for name, entry in found.items()}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise TableError(
            f'{path}: is not a file of tasks ({error}). Expected {{"TASK": {{"classes": [...], "ordered": false}}}} or '
            '{"TASK": {"bins": [...]}}. build_dataset writes it.'
        ) from error


def table_text(tasks: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return the bytes of a table. Raises TableError for a path that could not be read back from it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*FIRST_COLUMNS, *tasks])
    for row in rows:
        if any(sign in row.picture + row.person for sign in "\n\r\0"):
            raise TableError(
                f"{row.picture!r}: a path with a line break cannot be written into a table. Rename the file."
            )
        writer.writerow([row.picture, row.person, *(number_text(row.values.get(task)) for task in tasks)])
    return out.getvalue().encode("utf-8", "surrogateescape")


def tasks_text(tasks: Mapping[str, Task]) -> bytes:
    """Return the bytes of tasks.json."""
    entries = []
    for name, task in tasks.items():
        value: dict[str, Any] = {"bins": [_plain(each) for each in task.bins]}
        if task.classes:
            value = {"classes": list(task.classes), "ordered": task.ordered}
        entries.append(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return ("{\n" + ",\n".join(entries) + "\n}\n").encode()


def write_table(path: Path, table: Table, force: bool = False) -> None:
    """Write a table, and tasks.json beside it."""
    with atomic_file(path, force) as temporary, atomic_file(path.with_name(TASKS_FILE), force) as tasks:
        temporary.write_bytes(table_text(list(table.tasks), table.rows))
        tasks.write_bytes(tasks_text(table.tasks))


def number_text(value: float | None) -> str:
    """Write a number as short as it reads back: 3, 25.5, or nothing for an absent label."""
    return "" if value is None else str(_plain(value))


def parse_value(text: str, task: Task, where: str) -> float | None:
    """Return the value in a cell of a column. Raises TableError for what is no value of the task."""
    if not text.strip():
        return None
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if task.classes:
        if value not in range(len(task.classes)):
            raise TableError(
                f"{where}: {task.name} is {text!r}, expected a class from 0 ({task.classes[0]}) to {len(task.classes) - 1} "
                f"({task.classes[-1]}), or nothing if it is unknown."
            )
    elif not task.bins[0] <= value <= task.bins[-1]:
        raise TableError(
            f"{where}: {task.name} is {text!r}, expected a number from {task.bins[0]:g} to {task.bins[-1]:g}, or nothing if "
            "it is unknown."
        )
    return value


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _tasks_of(header: list[str], path: Path) -> dict[str, Task]:
    expected = f"Expected {','.join(FIRST_COLUMNS)},TASK,... in the first line."
    if tuple(header[: len(FIRST_COLUMNS)]) != FIRST_COLUMNS or len(header) == len(FIRST_COLUMNS):
        raise TableError(f"{path}, line 1: found {','.join(header)[:200]!r}. {expected}")
    known = read_tasks(path.with_name(TASKS_FILE))
    names = header[len(FIRST_COLUMNS) :]
    for name in names:
        if name not in known:
            raise TableError(
                f"{path}, line 1: no task {name!r} in {path.with_name(TASKS_FILE)} or among Moka's own ({', '.join(TASKS)}). "
                "Write its classes into that file."
            )
        if names.count(name) > 1:
            raise TableError(f"{path}, line 1: two columns are called {name!r}. Expected one for each task.")
    return {name: known[name] for name in names}


def _row(cells: list[str], tasks: Mapping[str, Task], where: str) -> Row:
    expected = len(FIRST_COLUMNS) + len(tasks)
    if len(cells) != expected:
        raise TableError(f"{where}: has {len(cells)} cells, expected {expected} as in the first line.")
    picture, person, *values = cells
    if not picture:
        raise TableError(f"{where}: names no picture.")
    pairs = zip(tasks.items(), values, strict=True)
    return Row(picture, person, {name: parse_value(text, task, where) for (name, task), text in pairs})


def _task(name: str, entry: Mapping[str, Any]) -> Task:
    classes = tuple(entry.get("classes", ()))
    bins = tuple(float(each) for each in entry.get("bins", ()))
    if bool(classes) == bool(bins):
        raise ValueError(f"{name} needs either classes or bins")
    if not all(isinstance(each, str) for each in classes) or len(set(classes)) != len(classes):
        raise ValueError(f"the classes of {name} must be different names")
    if not all(map(math.isfinite, bins)) or list(bins) != sorted(set(bins)):
        raise ValueError(f"the bins of {name} must be numbers that grow")
    known = TASKS.get(name)
    if known and (known.classes, known.bins) == (classes, bins):
        return known
    return Task(name, classes, bins, bool(entry.get("ordered", bool(bins))))
