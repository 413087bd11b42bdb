"""Folds: k parts of equal size in which every class has the same share, and one fold for each person.

scikit-learn's StratifiedGroupKFold does the same. A new version of it may divide differently, and a published figure belongs
to its folds. So the draw here uses whole numbers and Python's random() alone, which are the same everywhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from common.tasks import Task

from ..errors import DatasetError
from ..samples import Sample
from .groups import groups_of


def stratified_folds(
    samples: Sequence[Sample], count: int, seed: int, task: Task, by_person: bool = False
) -> list[list[Sample]]:
    """Return `count` folds of about equal size, in which the classes of `task` have about equal shares.

    Pictures with the same contents, or with `by_person` those of one person, are in the same fold.
    """
    groups = groups_of(samples, seed, by_person)
    if len(groups) < count:
        what = "persons" if by_person else "pictures with different contents"
        raise DatasetError(
            f"--folds {count}: there are only {len(groups)} {what}. Expected at least one for each fold."
        )
    totals = Counter(_stratum(sample, task) for sample in samples)
    common = math.lcm(*totals.values())
    # What a picture of a class weighs: the classes weigh the same as a whole.
    weights = {stratum: common // total for stratum, total in totals.items()}
    folds: list[list[Sample]] = [[] for _ in range(count)]
    held: list[Counter[int | None]] = [Counter() for _ in range(count)]
    # The large groups first: the small ones then fill up what they leave.
    for group in sorted(groups, key=len, reverse=True):
        added = Counter(_stratum(sample, task) for sample in group)
        costs = [
            (sum(fold[stratum] * number * weights[stratum] for stratum, number in added.items()), len(members))
            for fold, members in zip(held, folds, strict=True)
        ]
        chosen = costs.index(min(costs))
        folds[chosen] += group
        held[chosen] += added
    if not all(folds):
        raise DatasetError(f"--folds {count}: {folds.count([])} of the folds are empty. Choose fewer.")
    return folds


def folds_of_persons(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return a fold for each person, in the order of their names: leave one person out."""
    persons: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: (sample.person, sample.name)):
        if not sample.person:
            raise DatasetError(
                f"--folds persons: nobody says who is on {sample.name}. Expected a person for every picture."
            )
        persons.setdefault(sample.person, []).append(sample)
    return list(persons.values())


def _stratum(sample: Sample, task: Task) -> int | None:
    value = sample.value(task)
    return None if value is None else int(value)
