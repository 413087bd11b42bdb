"""The figures of a classifier. A new one is a function and a line in METRICS.

Each function takes predictions and returns a value that JSON can hold, or None if the figure means nothing for the task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from common.tasks import TASKS

from .predictions import Predictions

Metric = Callable[[Predictions], Any]


def pictures(predictions: Predictions) -> int:
    """Count the records."""
    return int(predictions.confusion.sum())


def correct(predictions: Predictions) -> int:
    """Count the records whose most probable class is the actual one."""
    return int(predictions.confusion.trace())


def accuracy(predictions: Predictions) -> float:
    """Return the share of correct records."""
    return correct(predictions) / pictures(predictions)


def standard_error(predictions: Predictions) -> float:
    """Return the standard error of the accuracy, as of a share in a random sample of this size."""
    share = accuracy(predictions)
    return float(np.sqrt(share * (1 - share) / pictures(predictions)))


def majority(predictions: Predictions) -> int:
    """Count the records that would be correct if the answer were always the most frequent class."""
    return int(predictions.confusion.sum(1).max())


def majority_baseline(predictions: Predictions) -> float:
    """Return the accuracy of always answering the most frequent class."""
    return majority(predictions) / pictures(predictions)


def one_off(predictions: Predictions) -> int | None:
    """Count the records whose most probable class is the actual one or its neighbour; None if classes have no order."""
    task = TASKS.get(predictions.task)
    if task is None or not task.ordered:
        return None
    return int(sum(predictions.confusion.trace(offset) for offset in (-1, 0, 1)))


def one_off_accuracy(predictions: Predictions) -> float | None:
    """Return the share of records that `one_off` counts."""
    count = one_off(predictions)
    return None if count is None else count / pictures(predictions)


def recalls(predictions: Predictions) -> list[float | None]:
    """Return, for each class, the share of its records that are correct; None for a class without records."""
    counts = predictions.confusion.sum(1)
    return [float(predictions.confusion[i, i] / n) if n else None for i, n in enumerate(counts)]


def classes(predictions: Predictions) -> list[dict[str, Any]]:
    """List the classes with their number of records and their recall."""
    counts = predictions.confusion.sum(1)
    return [
        {"name": name, "pictures": int(count), "recall": recall}
        for name, count, recall in zip(predictions.classes, counts, recalls(predictions), strict=True)
    ]


def mean_recall(predictions: Predictions) -> float:
    """Return the mean recall of the classes that have records."""
    return float(np.mean([recall for recall in recalls(predictions) if recall is not None]))


def confusion_matrix(predictions: Predictions) -> list[list[int]]:
    """Return the counts, a row for each actual class."""
    matrix: list[list[int]] = predictions.confusion.tolist()
    return matrix


METRICS: dict[str, Metric] = {
    "pictures": pictures,
    "correct": correct,
    "accuracy": accuracy,
    "standard_error": standard_error,
    "majority_baseline": majority_baseline,
    "one_off_accuracy": one_off_accuracy,
    "classes": classes,
    "mean_recall": mean_recall,
    "confusion_matrix": confusion_matrix,
}
"""The figures of a report, in its order."""


def figures(predictions: Predictions) -> dict[str, Any]:
    """Return the task and every figure that means something for it, for a JSON file."""
    result: dict[str, Any] = {"task": predictions.task}
    for name, metric in METRICS.items():
        value = metric(predictions)
        if value is not None:
            result[name] = value
    return result


def as_text(predictions: Predictions) -> str:
    """Return the figures as lines for a terminal."""
    total = pictures(predictions)
    lines = [
        f"accuracy {accuracy(predictions):.1%}, {correct(predictions)}/{total} corrects "
        f"(standard error {100 * standard_error(predictions):.1f} points)"
    ]
    near = one_off(predictions)
    if near is not None:
        lines.append(f"1-off accuracy {near / total:.1%}, {near}/{total}")
    lines.append(f"always the commonest class: {majority_baseline(predictions):.1%}")
    lines.append("rows: actual, columns: predicted")
    width = 1 + max(len(name) for name in (*predictions.classes, "recall"))
    lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*predictions.classes, "recall")))
    for name, row, recall in zip(predictions.classes, predictions.confusion, recalls(predictions), strict=True):
        cells = "".join(f"{count:{width}d}" for count in row)
        last = "-" if recall is None else f"{recall:.0%}"
        lines.append(f"{name:>{width}}{cells}{last:>{width}}")
    return "\n".join(lines)
