"""The figures of a task by age band, by gender, or by any other task with classes."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.inputs import read_input
from common.tasks import AGE_RANGES, OLDEST, TASKS

from ..errors import EvaluationError
from ..predictions import Predictions
from .metrics import RECORD_METRICS

YEARS = ("age", "years")
"""Tasks whose bins are ages in years."""
_SHOWN = ("accuracy", "one_off_accuracy", "mae", "cs_5")
_MOST_BYTES = 1 << 30


def by_decade(predictions: Predictions) -> Predictions | None:
    """Turn a distribution over years into the age classes: each gets the probability of its years. None for other tasks."""
    if (
        predictions.task not in YEARS
        or not predictions.bins
        or not 0 <= min(predictions.bins) <= max(predictions.bins) <= OLDEST
    ):
        return None
    which = np.array([_decade(value) for value in predictions.bins])
    count = len(AGE_RANGES)
    mass = np.stack([predictions.probabilities[:, which == i].sum(1) for i in range(count)], axis=1)
    labels = np.array([_decade(value) for value in predictions.labels], np.int64)
    return dataclasses.replace(
        predictions, labels=labels, probabilities=mass, classes=TASKS["age"].classes, bins=(), task="age"
    )


def _decade(years: float) -> int:
    return next(i for i, (_, last) in enumerate(AGE_RANGES) if years < last + 1)


def figures_by_group(predictions: Predictions, others: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return task -> group -> number of pictures and figures. `others` is task -> key -> name of the record's group."""
    found: dict[str, Any] = {}
    values = {name: RECORD_METRICS[name](predictions) for name in _SHOWN}
    for task, group_of in others.items():
        names = np.array([group_of.get(key, "") for key in predictions.keys])
        groups = {}
        for name in dict.fromkeys(group_of.values()):
            chosen = names == name
            if chosen.any():
                groups[name] = {
                    "pictures": int(chosen.sum()),
                    **{figure: float(each[chosen].mean()) for figure, each in values.items() if each is not None},
                }
        if len(groups) > 1:
            found[task] = groups
    return found


def groups_of(runs: Sequence[Predictions]) -> dict[str, dict[str, str]]:
    """Return task -> key -> name of the actual class, for the tasks with classes and for age bands."""
    found = {}
    for predictions in runs:
        by_class = by_decade(predictions) if predictions.bins else predictions
        if by_class is not None:
            names = [by_class.classes[int(label)] for label in by_class.labels]
            pairs = sorted(zip(by_class.labels.tolist(), by_class.keys, names, strict=True), key=lambda each: each[0])
            found[by_class.task] = {key: name for _, key, name in pairs}
    return found


def people_of(table: Path, keys: Sequence[str]) -> list[str]:
    """Return the person of each record from the table that the database was made of (columns picture and person).

    A key is eight digits, "_" and the picture. Raises EvaluationError for a table that has not these columns or pictures.
    """
    try:
        lines = read_input(table, _MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{table}: cannot be read ({getattr(error, 'strerror', error)}).") from error
    rows = csv.DictReader(lines)
    if not {"picture", "person"} <= set(rows.fieldnames or ()):
        raise EvaluationError(
            f"{table}, line 1: has the columns {', '.join(rows.fieldnames or ['none'])}; expected picture and person. Give a "
            "table that build_dataset wrote."
        )
    person = {row["picture"]: row["person"] for row in rows}
    found = []
    for key in keys:
        picture = key.partition("_")[2]
        if picture not in person:
            raise EvaluationError(
                f'{table}: has no picture "{picture}", which the database holds. Give the table that it was made of.'
            )
        found.append(person[picture])
    return found
