"""Makes the page: turns a report into what the template shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..figures.groups import by_decade
from ..figures.metrics import METRICS, absolute_error, scalars, within
from ..figures.text import shown
from ..predictions import Predictions
from .charts import Chart, Series, chart
from .extras import Extras, hardest

TEMPLATE = "page.html.jinja"
LARGEST_ERROR = 20
FEW = 30


def page(report: dict[str, Any], runs: Sequence[Predictions], extras: Extras | None = None) -> str:
    """Return the page of a report as HTML. It holds everything that it shows, and runs no script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        # For every file, whatever its name ends in: names of classes and pictures come from outside.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    extras = extras or Extras()
    by_name = {run.task: run for run in runs}
    by_name |= {f"{each.task} by decade": each for run in runs if (each := by_decade(run)) is not None}
    tasks = [_task(name, found, by_name.get(name), extras) for name, found in report["tasks"].items()]
    return environment.get_template(TEMPLATE).render(
        report=report,
        title=Path(report["weights"]).stem or "A net",
        tasks=tasks,
        published=_published(report["published"]),
        curves=_curves(extras),
        hashes=extras.hashes,
        notes=[*report["notes"], *extras.notes],
    )


def _task(name: str, found: dict[str, Any], run: Predictions | None, extras: Extras) -> dict[str, Any]:
    intervals = found.get("intervals", {})
    figures = [
        {
            "name": figure.replace("_", " "),
            "value": shown(figure, value),
            "interval": [shown(figure, bound) for bound in intervals.get(figure, ())],
            "definition": " ".join((METRICS[figure].__doc__ or "").split()) if figure in METRICS else "",
        }
        for figure, value in scalars(found).items()
    ]
    main = "mae" if "mae" in found else "accuracy"
    return {
        "name": name,
        "figures": figures,
        "main": next((figure for figure in figures if figure["name"] == main), None),
        "pictures": found.get("pictures", 0),
        "classes": found.get("classes", []),
        "matrix": _matrix(found.get("confusion_matrix", [])),
        "charts": [each for each in (_reliability(found), _roc(found), _errors(run)) if each],
        "groups": _groups(found.get("by", {})),
        # The classes of a distribution have the pictures of the distribution, which are shown there.
        "hardest": _hardest(run, extras) if run is not None and run.task == name else [],
    }


def _matrix(counts: list[list[int]]) -> list[list[tuple[int, int]]]:
    """Return the counts, each with its share of its row in per cent, which becomes its shade."""
    return [[(count, round(100 * count / (sum(row) or 1))) for count in row] for row in counts]


def _groups(by: dict[str, dict[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """Return a table for each division into groups: its heads, and rows of texts."""
    tables = []
    for task, groups in by.items():
        names = list(dict.fromkeys(figure for found in groups.values() for figure in found))
        rows = [
            [group, *(shown(name, found[name]) if name in found else "-" for name in names)]
            for group, found in groups.items()
        ]
        if rows:
            tables.append({"task": task, "heads": [name.replace("_", " ") for name in names], "rows": rows})
    return tables


def _reliability(found: dict[str, Any]) -> Chart | None:
    parts = found.get("reliability")
    if not parts:
        return None
    most = max(part["pictures"] for part in parts)
    sizes = [2.5 + 6 * (part["pictures"] / most) ** 0.5 for part in parts]
    points = [(part["probability"], part["accuracy"]) for part in parts]
    whole = (0.0, 1.0)
    return chart(
        "Reliability: is it right as often as it is sure?",
        ("probability of the answer", "share of right answers"),
        [Series("this net (larger: more pictures)", points, sizes), Series("ideal", [(0, 0), (1, 1)], dashed=True)],
        whole,
        whole,
    )


def _roc(found: dict[str, Any]) -> Chart | None:
    points = [(float(x), float(y)) for x, y in found.get("roc") or []]
    if not points:
        return None
    whole = (0.0, 1.0)
    return chart(
        "ROC of the second class",
        ("false positive rate", "true positive rate"),
        [Series("this net", points), Series("chance", [(0, 0), (1, 1)], dashed=True)],
        whole,
        whole,
    )


def _errors(run: Predictions | None) -> Chart | None:
    """Return the cumulative score: the share of records whose error is at most N."""
    error = None if run is None else absolute_error(run)
    if error is None:
        return None
    points = [(float(most), float(within(error, most).mean())) for most in range(LARGEST_ERROR + 1)]
    return chart(
        "Cumulative score",
        ("error of at most", "share of pictures"),
        [Series("this net", points)],
        (0.0, float(LARGEST_ERROR)),
        (0.0, 1.0),
    )


def _hardest(run: Predictions, extras: Extras) -> list[dict[str, Any]]:
    found = []
    for row in hardest(run):
        key = run.keys[row]
        if key not in extras.thumbnails:
            continue
        if run.bins:
            true, given = f"{run.labels[row]:g}", f"{run.numbers[row]:.1f}"
        else:
            answer = int(run.probabilities[row].argmax())
            true = run.classes[int(run.labels[row])]
            given = f"{run.classes[answer]} ({run.probabilities[row, answer]:.0%})"
        # A key is the number of the record and the path of the picture.
        picture = key.partition("_")[2] or key
        found.append(
            {"jpeg": extras.thumbnails[key], "path": picture, "name": Path(picture).name, "true": true, "given": given}
        )
    return found


def _published(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with their figures as people read them."""
    return [
        {
            **row,
            "figure": row["figure"].replace("_", " "),
            "value": shown(row["figure"], row["value"]),
            "ours": shown(row["figure"], row["ours"]),
        }
        for row in rows
    ]


def _curves(extras: Extras) -> list[Chart]:
    """Return a chart of the losses and one of the rest, each with the lines of all phases."""
    charts = []
    for title, is_loss in (("Losses", True), ("Other figures", False)):
        series = [
            # A line of few points, such as tests, has marks: one point alone would not be seen.
            Series(f"{name} ({phase})", points, [3.0] * len(points) if len(points) <= FEW else ())
            for (phase, name), points in sorted(extras.log.items())
            if ("loss" in name.lower()) == is_loss
        ]
        made = chart(title, ("iteration", "value"), series) if series else None
        if made:
            charts.append(made)
    return charts
