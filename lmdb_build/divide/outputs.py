"""The files of a division: tables, lists, tasks, weights, report. All of them are written, or none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from common.errors import OutputExists
from common.inputs import read_input
from common.tasks import NEEDS_ITS_LABEL, Task

from ..lists import Entry, list_text
from ..samples import Sample
from ..tables import TASKS_FILE, Row, table_text, tasks_text

REPORT = "report.json"
# What this module has ever written, apart from tasks and report, which are always replaced.
_OURS = re.compile(r"(train|val|test)\.csv|[^/]+_(train|val|test)\.txt|[^/]+_infogain\.binaryproto")
_LARGEST_REPORT = 1 << 30


def part_files(
    parts: Mapping[str, Sequence[Sample]], tasks: Mapping[str, Task], path_of: Callable[[Sample], str]
) -> dict[str, bytes]:
    """Return the lists of each task with classes, the table of each part, and tasks.json, by their names."""
    files: dict[str, bytes] = {}
    for name, task in tasks.items():
        if not task.classes or (name in NEEDS_ITS_LABEL and not _labelled(name, parts.values())):
            continue
        for part, samples in parts.items():
            values = ((path_of(sample), sample.value(task)) for sample in samples)
            files[f"{name}_{part}.txt"] = list_text(
                Entry(path, int(value)) for path, value in values if value is not None
            )
    for part, samples in parts.items():
        rows = (
            Row(path_of(sample), sample.person, {name: sample.value(task) for name, task in tasks.items()})
            for sample in samples
        )
        files[f"{part}.csv"] = table_text(list(tasks), rows)
    files[TASKS_FILE] = tasks_text(tasks)
    return files


def leftovers(folder: Path, files: Iterable[str], force: bool) -> list[Path]:
    """Return the files of an earlier division in `folder` that this one does not replace, and that would mislead.

    Raises OutputExists if there are any, and `force` is false.
    """
    try:
        earlier = json.loads(read_input(folder / REPORT, _LARGEST_REPORT))["files"]
        names = [name for name in earlier if isinstance(name, str) and _OURS.fullmatch(name)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        # No report, or none of ours: nothing is known to be ours.
        return []
    stale = [folder / name for name in sorted(set(names) - set(files))]
    stale = [path for path in stale if path.is_file() and not path.is_symlink()]
    if stale and not force:
        raise OutputExists(
            f"{stale[0]}: is of an earlier division, and this one has no such file. Give --force to delete it."
        )
    return stale


def _labelled(task: str, parts: Iterable[Sequence[Sample]]) -> bool:
    return any(task in sample.labels for samples in parts for sample in samples)
