"""Whether the difference between two runs on the same records can be chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EvaluationError
from ..predictions import Predictions
from .intervals import group_numbers, resampled_means
from .metrics import absolute_error, is_correct

CHANCE = 0.05
"""A difference that chance alone gives less often than this is called real. Several comparisons share it."""


@dataclass(frozen=True)
class Difference:
    """How a run differs from the first in `figure`, which is the accuracy, or the mean absolute error if there are bins.

    `low` and `high` bound the difference by a paired bootstrap over people, or over pictures if no person is known. They are
    None if all records are of one person or one picture.
    Of classes, `only_first` and `only_other` count the records that one of the two alone has right, and `p_value` is that of
    McNemar's exact test on them.
    """

    figure: str
    first: float
    other: float
    low: float | None
    high: float | None
    by_people: bool
    chance: bool
    only_first: int | None = None
    only_other: int | None = None
    p_value: float | None = None


def aligned(runs: Sequence[Predictions], files: Sequence[Path]) -> list[Predictions]:
    """Return the runs with their records in the order of the first.

    Raises EvaluationError if they are of different tasks, records or labels.
    """
    first, name = runs[0], files[0]
    result = [first]
    for run, file in zip(runs[1:], files[1:], strict=True):
        if run.task != first.task:
            raise EvaluationError(
                f"{file}: is of the task {run.task}, but {name} is of {first.task}. Compare runs of the same task."
            )
        if (list(run.classes), list(run.bins)) != (list(first.classes), list(first.bins)):
            what = "classes" if first.classes else "bins"
            raise EvaluationError(
                f"{file}: has other {what} than {name}. Compare nets of the same {what}, "
                "or write the reports again with --card."
            )
        result.append(_in_order(run, first, file, name))
    people = next((run.people for run in result if run.people), ())
    return [dataclasses.replace(run, people=people) for run in result]


def _in_order(run: Predictions, first: Predictions, file: Path, name: Path) -> Predictions:
    rows = {key: row for row, key in enumerate(run.keys)}
    for keys, path in ((run.keys, file), (first.keys, name)):
        if len(set(keys)) < len(keys):
            raise EvaluationError(f"{path}: holds a key twice, so its records cannot be told apart.")
    missing = [key for key in first.keys if key not in rows]
    more = set(run.keys) - set(first.keys)
    if missing or more:
        example = f"{missing[0]} is in the first alone" if missing else f"{min(more)} is in the other alone"
        raise EvaluationError(
            f"{file}: is of other records than {name}: {len(missing)} are missing and {len(more)} are more; {example}. "
            "Measure all nets on the same database."
        )
    order = np.array([rows[key] for key in first.keys])
    if not np.array_equal(run.labels[order], first.labels):
        wrong = int(np.flatnonzero(run.labels[order] != first.labels)[0])
        raise EvaluationError(
            f"{file}: has other labels than {name}, the first for {first.keys[wrong]}: {run.labels[order][wrong]:g} and "
            f"{first.labels[wrong]:g}. Measure all nets on the same database."
        )
    return dataclasses.replace(
        run,
        keys=first.keys,
        labels=first.labels,
        probabilities=run.probabilities[order],
        people=[run.people[row] for row in order] if run.people else (),
    )


def difference(first: Predictions, other: Predictions, comparisons: int = 1) -> Difference:
    """Compare two aligned runs. With several comparisons, each has its share of CHANCE (Bonferroni)."""
    level = CHANCE / comparisons
    metric = absolute_error if first.bins else is_correct
    before, after = metric(first), metric(other)
    assert before is not None and after is not None
    groups = group_numbers(first)
    low = high = None
    chance = True
    if groups.max() > 0:
        (means,) = resampled_means((after - before)[None], groups)
        low, high = (float(bound) for bound in np.percentile(means, [100 * level / 2, 100 * (1 - level / 2)]))
        # A difference that is always the same has an interval without width, and is 0 for the same predictions.
        chance = low <= 0 <= high
    only_first = only_other = p_value = None
    if not first.bins:
        from scipy.stats import binomtest

        only_first = int(((before == 1) & (after == 0)).sum())
        only_other = int(((before == 0) & (after == 1)).sum())
        differing = only_first + only_other
        p_value = float(binomtest(only_other, differing).pvalue) if differing else 1.0
        # McNemar's test takes pictures for independent. Where people are known, both have to say so.
        chance = p_value >= level or (bool(first.people) and chance)
    return Difference(
        figure="mae" if first.bins else "accuracy",
        first=float(before.mean()),
        other=float(after.mean()),
        low=low,
        high=high,
        by_people=bool(first.people),
        chance=chance,
        only_first=only_first,
        only_other=only_other,
        p_value=p_value,
    )
