"""The report of a run: the second half of the verb evaluate, and all of the verb report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.files import atomic_file

if TYPE_CHECKING:
    from .figures.published import PublishedFile
    from .predictions import Predictions


def add_published_option(parser: argparse.ArgumentParser) -> None:
    """Declare --published."""
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FILE",
        help="JSON list of published figures to show beside ours: task, figure, value, source",
    )


def make_report(
    runs: Sequence[Predictions], files: Sequence[Path], published: PublishedFile | None = None
) -> dict[str, Any]:
    """Print the figures of each task, and return them for a JSON file. `files` are those with the predictions.

    Raises EvaluationError if `published` names a task or figure that the run does not have.
    """
    from .figures.groups import by_decade, figures_by_group, groups_of, why_no_decades
    from .figures.intervals import intervals
    from .figures.metrics import figures
    from .figures.published import beside_ours
    from .figures.text import as_text, published_text

    groups = groups_of(runs)
    tasks: dict[str, Any] = {}
    texts: list[str] = []
    notes: list[str] = []
    for run, file in zip(runs, files, strict=True):
        for each in (run, by_decade(run)):
            if each is None:
                notes += why_no_decades(run)
                continue
            name = each.task if each is run else f"{each.task} by decade"
            found, bounds = figures(each), intervals(each)
            if not bounds:
                notes.append(f"{name}: there are no intervals, because all records are of one person or one picture.")
            if len(runs) > 1 or each is not run:
                texts.append(f"\n{name}")
            texts.append(as_text(found, bounds))
            others = {task: group for task, group in groups.items() if task != each.task or each.bins}
            tasks[name] = {
                **found,
                "intervals": bounds,
                "by": figures_by_group(each, others),
                "predictions": file.name,
            }
    beside = beside_ours(published, tasks) if published else []
    if beside:
        texts += ["\npublished figures", published_text(beside)]
    print("\n".join([*texts, *notes]))
    first = runs[0]
    return {
        "weights": first.weights,
        "lmdb": first.lmdb,
        "engine": first.engine,
        "tasks": tasks,
        "published": beside,
        "notes": notes,
    }


def write_page(report: dict[str, Any], runs: Sequence[Predictions], path: Path, force: bool) -> None:
    """Write the HTML page of a report."""
    from .page.extras import gather
    from .page.page import page

    text = page(report, runs, gather(report, runs))
    with atomic_file(path, force) as temporary:
        temporary.write_text(text, encoding="utf-8")
