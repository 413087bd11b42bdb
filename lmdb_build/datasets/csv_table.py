"""A CSV file: the first line names the columns `picture`, the tasks, and if you like `person` and `fold`.

    picture,person,age,gender,eyes:open|closed
    photos/1.jpg,ann,3,1,closed

A task of Moka's, or one in a tasks.json beside the file, goes by its name. A task of your own names its classes in the first
line, in the order of their numbers. A cell holds the number or the name of a class, or nothing if it is unknown. The tables
that build_dataset writes are such files.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from common.messages import known_names
from common.tasks import TASKS, Task

from ..errors import DatasetError
from ..samples import Found, Note, Sample
from ..tables import TASKS_FILE, parse_value, read_tasks
from .options import ReaderOptions
from .text import read_text

_OTHERS = ("picture", "person", "fold")
_EXAMPLE = "Expected a first line such as: picture,person,age,eyes:open|closed"


def read(path: Path, options: ReaderOptions) -> Found:
    """Read the file at `path`. Paths of pictures start from the current folder, or from the file's folder if they do there."""
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(lines, [])]
        tasks = _columns(header, path)
        samples = [_sample(cells, header, tasks, f"{path}, line {lines.line_num}") for cells in lines if cells]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: is not CSV ({error}).") from error
    found = Found(tasks={task.name: task for task in tasks.values()})
    if samples and not samples[0].path.exists() and (path.parent / samples[0].path).exists():
        samples = [replace(sample, path=path.parent / sample.path) for sample in samples]
    seen: dict[str, Sample] = {}
    for sample in samples:
        other = seen.setdefault(sample.name, sample)
        if dict(other.labels) != dict(sample.labels):
            raise DatasetError(
                f"{path}: {sample.path} has two lines with different labels. Expected one line a picture."
            )
    found.samples = list(seen.values())
    if len(samples) > len(seen):
        found.notes.append(Note("lines that repeat another line", len(samples) - len(seen)))
    return found


def _columns(header: list[str], path: Path) -> dict[str, Task]:
    """Return the task of each column that holds one."""
    if "picture" not in header:
        raise DatasetError(f"{path}, line 1: no column `picture` in {','.join(header)[:200]!r}. {_EXAMPLE}")
    known = read_tasks(path.with_name(TASKS_FILE))
    columns = {}
    for cell in header:
        if header.count(cell) > 1:
            raise DatasetError(f"{path}, line 1: two columns are called {cell!r}.")
        if cell in _OTHERS:
            continue
        name, colon, classes = cell.partition(":")
        if colon:
            columns[cell] = _own_task(name, classes, path)
        elif name in known or name in TASKS:
            columns[cell] = known.get(name) or TASKS[name]
        else:
            raise DatasetError(
                f"{path}, line 1: the column {name!r} is no task. Name its classes, as in {name}:no|yes. "
                f"{known_names(name, known)}"
            )
    if not columns:
        raise DatasetError(f"{path}, line 1: names no task. {_EXAMPLE}")
    return columns


def _own_task(name: str, text: str, path: Path) -> Task:
    first, dots, last = text.partition("..")
    if dots and first.isdecimal() and last.isdecimal() and 0 <= int(first) < int(last) <= int(first) + 10000:
        return Task(name, bins=tuple(map(float, range(int(first), int(last) + 1))), ordered=True)
    classes = tuple(each.strip() for each in text.split("|"))
    if not name or len(classes) < 2 or len(set(classes)) < len(classes) or "" in classes:
        raise DatasetError(
            f"{path}, line 1: {name}:{text} names no task. Expected NAME:CLASS|CLASS with different classes, or NAME:0..100."
        )
    if name in TASKS and TASKS[name].classes != classes:
        raise DatasetError(
            f"{path}, line 1: {name} is a task of Moka with the classes {', '.join(TASKS[name].classes) or 'of a number'}. "
            "Give yours another name."
        )
    return TASKS.get(name) or Task(name, classes)


def _sample(cells: list[str], header: list[str], tasks: Mapping[str, Task], where: str) -> Sample:
    if len(cells) != len(header):
        raise DatasetError(f"{where}: has {len(cells)} cells, expected {len(header)} as in the first line.")
    row = dict(zip(header, cells, strict=True))
    if not row["picture"] or "\0" in row["picture"]:
        raise DatasetError(f"{where}: names no picture.")
    labels: dict[str, float] = {}
    for column, task in tasks.items():
        text = row[column].strip()
        number = str(task.classes.index(text)) if text in task.classes else text
        value = parse_value(number, task, where)
        if value is not None:
            labels[task.name] = value
    return Sample(Path(row["picture"]), _safe_name(row["picture"]), labels, row.get("person", ""), row.get("fold", ""))


def _safe_name(picture: str) -> str:
    """Return a name below any folder: a path that leads elsewhere gets a hash of where it leads in place of that."""
    path = PurePosixPath(picture)
    if not path.is_absolute() and ".." not in path.parts:
        return str(path)
    return f"{hashlib.sha256(str(path.parent).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}/{path.name}"
