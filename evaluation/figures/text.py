"""The figures of a task as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHARES = {
    "accuracy",
    "one_off_accuracy",
    "top_2_accuracy",
    "top_3_accuracy",
    "mean_recall",
    "macro_f1",
    "standard_error",
    "majority_baseline",
    "calibration_error",
    "cs_3",
    "cs_5",
    "cs_10",
}
"""Figures that are shown in per cent."""


def shown(figure: str, value: float) -> str:
    """Write a figure as people read it."""
    if figure in SHARES:
        return f"{value:.1%}"
    return f"{value:d}" if isinstance(value, int) else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def as_text(found: Mapping[str, Any], bounds: Mapping[str, Sequence[float]] | None = None) -> str:
    """Return what `figures` found as lines; `bounds` are the intervals."""
    lines = _of_bins(found, bounds or {}) if "mae" in found else _of_classes(found, bounds or {})
    return "\n".join(lines)


def published_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each published figure of a report."""
    return "\n".join(
        f"{row['task']}, {row['figure']}: {shown(row['figure'], row['ours'])}, published: "
        f"{shown(row['figure'], row['value'])}; {row['verdict']} ({row['source']})"
        for row in rows
    )


def _of_bins(found: Mapping[str, Any], bounds: Mapping[str, Sequence[float]]) -> list[str]:
    scores = ", ".join(f"within {n}: {found[f'cs_{n}']:.1%}" for n in (3, 5, 10))
    return [
        f"mean absolute error {found['mae']:.2f}{_between(bounds.get('mae'), '.2f')} over {found['pictures']} pictures, "
        f"median {found['median_error']:.2f}; of the most probable bin {found['mae_of_argmax']:.2f}",
        scores,
        f"always the median: {found['baseline_mae']:.2f}",
    ]


def _of_classes(found: Mapping[str, Any], bounds: Mapping[str, Sequence[float]]) -> list[str]:
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
    names = [each["name"] for each in found["classes"]]
    width = 1 + max(len(name) for name in (*names, "recall"))
    lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*names, "recall")))
    for each, row in zip(found["classes"], found["confusion_matrix"], strict=True):
        cells = "".join(f"{count:{width}d}" for count in row)
        last = "-" if each["recall"] is None else f"{each['recall']:.0%}"
        lines.append(f"{each['name']:>{width}}{cells}{last:>{width}}")
    return lines


def _between(bounds: Sequence[float] | None, form: str) -> str:
    return f" (95 %: {bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""
