"""What a division holds: counts of each class and part, repeated pictures, persons in two parts. As JSON and as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.tasks import Task

from ..samples import Found, Sample
from .counts import aligned, count_table

# Further ones are in report.json.
_SHOWN = 5


def make_report(
    found: Found, tasks: Mapping[str, Task], parts: Mapping[str, Sequence[Sample]], path_of: Callable[[Sample], str]
) -> dict[str, Any]:
    """Return the report for report.json. `found` is what is used of the set; `parts` has no extra pictures."""
    by_content: dict[str, list[tuple[str, str]]] = {}
    persons: dict[str, Counter[str]] = {}
    for part, samples in parts.items():
        for sample in samples:
            by_content.setdefault(sample.digest or sample.name, []).append((part, path_of(sample)))
            if sample.person:
                persons.setdefault(sample.person, Counter())[part] += 1
    across = [sorted(copies) for copies in by_content.values() if len({part for part, _ in copies}) > 1]
    return {
        "pictures": len(found.samples),
        "notes": [{"what": note.text, "times": note.times} for note in found.notes],
        "left_out": [{"file": file, "reason": reason} for file, reason in sorted(found.left_out)],
        "parts": {part: _part(samples, tasks) for part, samples in parts.items()},
        "repeats": {
            "pictures_that_repeat_another": sum(len(copies) - 1 for copies in by_content.values()),
            "across_parts": [[{"part": part, "picture": path} for part, path in copies] for copies in sorted(across)],
        },
        "persons_across_parts": {person: dict(counts) for person, counts in sorted(persons.items()) if len(counts) > 1},
    }


def report_text(report: Mapping[str, Any], tasks: Mapping[str, Task], columns: Mapping[str, Sequence[Sample]]) -> str:
    """Return the report for people: notes, a table of counts for each task, and what is in two parts."""
    lines = [f"{note['times']} {note['what']}" for note in report["notes"]]
    for task in tasks.values():
        lines += ["", count_table(task, columns) if task.classes else _number_table(task, columns)]
    across = report["repeats"]["across_parts"]
    persons = report["persons_across_parts"]
    known = {part: figures["persons"] for part, figures in report["parts"].items()}
    lines += ["", f"pictures that repeat another byte for byte: {report['repeats']['pictures_that_repeat_another']}"]
    lines += [f"of them in several parts: {len(across)}"]
    lines += ["  " + " = ".join(f"{copy['part']} {copy['picture']}" for copy in copies) for copies in across[:_SHOWN]]
    if any(known.values()):
        lines += ["persons: " + ", ".join(f"{part} {count}" for part, count in known.items())]
        lines += [f"persons in several parts: {len(persons)}" + _some(persons)]
    return "\n".join(lines).lstrip("\n") + "\n"


def report_json(report: Mapping[str, Any]) -> bytes:
    """Return the bytes of report.json."""
    return (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def _part(samples: Sequence[Sample], tasks: Mapping[str, Task]) -> dict[str, Any]:
    return {
        "pictures": len(samples),
        "persons": len({sample.person for sample in samples if sample.person}),
        "tasks": {name: _figures(samples, task) for name, task in tasks.items()},
    }


def _figures(samples: Sequence[Sample], task: Task) -> dict[str, Any]:
    values = [value for value in (sample.value(task) for sample in samples) if value is not None]
    figures: dict[str, Any] = {"labelled": len(values), "absent": len(samples) - len(values)}
    if task.classes:
        counts = Counter(map(int, values))
        figures["classes"] = {name: counts[number] for number, name in enumerate(task.classes)}
    elif values:
        figures |= {"least": min(values), "mean": round(sum(values) / len(values), 3), "most": max(values)}
    return figures


def _number_table(task: Task, columns: Mapping[str, Sequence[Sample]]) -> str:
    """Return the same table for a task without classes."""
    figures = [_figures(samples, task) for samples in columns.values()]
    rows = [[task.name, *columns]]
    for name in ("least", "mean", "most", "absent", "labelled"):
        rows.append([name, *(f"{column[name]:.10g}" if name in column else "-" for column in figures)])
    return aligned(rows)


def _some(persons: Mapping[str, Any]) -> str:
    names = list(persons)[:_SHOWN]
    return f" ({', '.join(names)}{', ...' if len(persons) > _SHOWN else ''})" if names else ""
