"""Counts the pictures of each class, as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from common.tasks import Task

from ..samples import Sample


def count_table(task: Task, columns: Mapping[str, Sequence[Sample]]) -> str:
    """One row for each class of `task` and one for all, one column of counts for each named sequence of samples."""
    counts = [Counter(sample.value(task) for sample in samples) for samples in columns.values()]
    rows = [[task.name, *columns]]
    rows += [[name, *(str(count[number]) for count in counts)] for number, name in enumerate(task.classes)]
    if any(count[None] for count in counts):
        rows += [["absent", *(str(count[None]) for count in counts)]]
    rows += [["all", *(str(len(samples)) for samples in columns.values())]]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
