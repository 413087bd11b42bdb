"""The figures of a task by age band, by gender, or by any other task with classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.tasks import AGE_RANGES, OLDEST, TASKS, age_class

from ..errors import EvaluationError
from ..predictions import Predictions
from .metrics import RECORD_METRICS

YEARS = ("age", "years")
"""Tasks whose bins are ages in years."""
_SHOWN = ("accuracy", "one_off_accuracy", "mae", "cs_5")


def by_decade(predictions: Predictions) -> Predictions | None:
    """Turn a distribution over years into the age classes: each gets the probability of its years.

    None for other tasks, and if a label is older than the classes.
    """
    if not _is_of_years(predictions) or why_no_decades(predictions):
        return None
    which = np.array([age_class(int(value)) for value in predictions.bins])
    count = len(AGE_RANGES)
    mass = np.stack([predictions.probabilities[:, which == i].sum(1) for i in range(count)], axis=1)
    labels = np.array([age_class(int(value)) for value in predictions.labels], np.int64)
    return dataclasses.replace(
        predictions, labels=labels, probabilities=mass, classes=TASKS["age"].classes, bins=(), task="age"
    )


def why_no_decades(predictions: Predictions) -> list[str]:
    """Return the reason why a distribution over years has no age classes, if there is one."""
    oldest = predictions.labels.max()
    if not _is_of_years(predictions) or oldest < OLDEST + 1:
        return []
    return [f"{predictions.task} by decade is left out: a label is {oldest:g} years, and the classes end at {OLDEST}."]


def _is_of_years(predictions: Predictions) -> bool:
    bins = predictions.bins
    return bool(bins) and predictions.task in YEARS and 0 <= min(bins) <= max(bins) <= OLDEST


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
    """Return the person of each record from the table that the database was made of.

    A key is eight digits, "_" and the picture. Raises TableError for what is no table, EvaluationError for one without these
    pictures.
    """
    from lmdb_build.tables import open_table

    _, rows = open_table(table)
    # Keys show bytes that are not UTF-8 in this way (classifier.py).
    person = {_as_in_keys(row.picture): _as_in_keys(row.person) for _, row in rows}
    found = []
    for key in keys:
        picture = key.partition("_")[2]
        if picture not in person:
            raise EvaluationError(
                f'{table}: has no picture "{picture}", which the database holds. Give the table that it was made of.'
            )
        found.append(person[picture])
    return found


def _as_in_keys(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
