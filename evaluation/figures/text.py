"""The figures of a task as lines for a terminal."""

from __future__ import annotations

from typing import Any

from ..predictions import Predictions
from .metrics import figures, recalls


def as_text(predictions: Predictions, bounds: dict[str, list[float]] | None = None) -> str:
    """Return the figures as lines; `bounds` are their intervals."""
    found = figures(predictions)
    lines = _of_bins(found, bounds or {}) if predictions.bins else _of_classes(predictions, found, bounds or {})
    return "\n".join(lines)


def _of_bins(found: dict[str, Any], bounds: dict[str, list[float]]) -> list[str]:
    scores = ", ".join(f"within {n}: {found[f'cs_{n}']:.1%}" for n in (3, 5, 10))
    return [
        f"mean absolute error {found['mae']:.2f}{_between(bounds.get('mae'), '.2f')} over {found['pictures']} pictures, "
        f"median {found['median_error']:.2f}; of the most probable bin {found['mae_of_argmax']:.2f}",
        scores,
        f"always the median: {found['baseline_mae']:.2f}",
    ]


def _of_classes(predictions: Predictions, found: dict[str, Any], bounds: dict[str, list[float]]) -> list[str]:
    total = found["pictures"]
    lines = [
        f"accuracy {found['accuracy']:.1%}, {found['correct']}/{total} corrects "
        f"(standard error {100 * found['standard_error']:.1f} points){_between(bounds.get('accuracy'), '.1%')}"
    ]
    if "one_off_accuracy" in found:
        share = found["one_off_accuracy"]
        lines.append(f"1-off accuracy {share:.1%}, {round(share * total)}/{total}")
    lines.append(f"always the commonest class: {found['majority_baseline']:.1%}")
    lines.append(f"mean recall {found['mean_recall']:.1%}, calibration error {found['calibration_error']:.1%}")
    lines.append("rows: actual, columns: predicted")
    width = 1 + max(len(name) for name in (*predictions.classes, "recall"))
    lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*predictions.classes, "recall")))
    for name, row, recall in zip(predictions.classes, predictions.confusion, recalls(predictions), strict=True):
        cells = "".join(f"{count:{width}d}" for count in row)
        last = "-" if recall is None else f"{recall:.0%}"
        lines.append(f"{name:>{width}}{cells}{last:>{width}}")
    return lines


def _between(bounds: list[float] | None, form: str) -> str:
    return f" (95 %: {bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""
