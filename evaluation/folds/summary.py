"""Mean and standard deviation over folds of each figure in their reports."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.inputs import read_input

from ..errors import EvaluationError
from ..figures.metrics import scalars

_MOST_BYTES = 64 << 20
Figures = dict[tuple[str, str], float]
"""(task, figure) -> value."""


def figures_of_fold(folder: Path, patterns: Sequence[str]) -> Figures:
    """Return the figures of all reports of a fold. A task that several engines have measured has the engine in its name.

    Raises EvaluationError if there is no report, or two of one task.
    """
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if not paths:
        raise EvaluationError(
            f"{folder}: holds no report {' or '.join(patterns)}. Its last step should be `./moka evaluate`."
        )
    reports = [(path, *_read_report(path)) for path in paths]
    engines = {engine for _, engine, _ in reports}
    found: Figures = {}
    place: dict[str, Path] = {}
    for path, engine, tasks in reports:
        for task, figures in tasks.items():
            name = f"{task} ({engine})" if len(engines) > 1 else task
            if name in place:
                raise EvaluationError(f"{path}: reports on {name}, and so does {place[name]}. Narrow the pattern.")
            place[name] = path
            found |= {(name, figure): value for figure, value in figures.items()}
    return found


def _read_report(path: Path) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the engine, and task -> figure -> number."""
    try:
        report = json.loads(read_input(path, _MOST_BYTES))
        tasks = {task: scalars(figures) for task, figures in report["tasks"].items()}
        return str(report.get("engine", "")), tasks
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EvaluationError(
            f"{path}: is no report of evaluate. Expected a JSON object with tasks. Narrow the pattern."
        ) from error


def summarise(folds: Mapping[str, Figures]) -> dict[str, Any]:
    """Return task -> figure -> mean, standard deviation (of a sample), number of folds, and the value of each fold."""
    tasks: dict[str, Any] = {}
    for task, figure in dict.fromkeys(key for found in folds.values() for key in found):
        values = {fold: found[task, figure] for fold, found in folds.items() if (task, figure) in found}
        tasks.setdefault(task, {})[figure] = {
            "mean": statistics.fmean(values.values()),
            "standard_deviation": statistics.stdev(values.values()) if len(values) > 1 else None,
            "folds": len(values),
            "values": values,
        }
    return tasks


def as_text(tasks: Mapping[str, Any]) -> str:
    """Return the summary as lines."""
    lines = []
    for task, figures in tasks.items():
        lines += [task, f"  {'figure':<20}{'mean':>12}{'std':>12}{'lowest':>12}{'highest':>12}{'folds':>7}"]
        for name, entry in figures.items():
            values = entry["values"].values()
            deviation = entry["standard_deviation"]
            cells = (entry["mean"], deviation, min(values), max(values))
            texts = "".join(f"{'-' if cell is None else f'{cell:.4f}':>12}" for cell in cells)
            lines.append(f"  {name:<20}{texts}{entry['folds']:>7}")
    return "\n".join(lines)
