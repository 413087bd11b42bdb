"""Ways to divide a data set into the parts train, val and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UsageError
from common.tasks import Task

from ..errors import DatasetError
from ..samples import Note, Sample
from .folds import folds_of_persons, stratified_folds
from .part_file import PARTS, apply_part_file
from .splitting import check_split, split_samples

Parts = dict[str, list[Sample]]
"""The samples of "train", "val" (only if there is one) and "test"."""
PERSONS = "persons"
"""The number of folds that means one for each person."""


@dataclass(frozen=True)
class Division:
    """The options of a division.

    `how` is a name in WAYS, or the path of a CSV file. `folds` is "", a number, or "persons". `val` is the share of the
    training part that becomes the validation part.
    """

    how: str = "picture"
    split: float = 0.8
    seed: int = 230
    folds: str = ""
    fold: int | None = None
    val: float = 0.0

    def check(self) -> None:
        """Raise UsageError for options that do not go together."""
        check_split(self.split)
        if self.val:
            check_split(self.val, "--val", "the share of the training part for validation")
        if self.how not in WAYS and not self.how.lower().endswith(".csv"):
            raise UsageError(f"--divide {self.how}: no such way. Known: {', '.join(WAYS)}, or the name of a .csv file.")
        if self.folds and self.how not in ("picture", "person"):
            raise UsageError(f"--folds {self.folds}: goes with --divide picture or person, not with {self.how}.")
        if self.folds and self.folds != PERSONS and not (self.folds.isdecimal() and 2 <= int(self.folds[:9]) <= 10000):
            raise UsageError(f"--folds {self.folds}: expected a number from 2, or {PERSONS} (a fold for each).")
        if self.folds and self.fold is None:
            raise UsageError(f"--folds {self.folds}: say with --fold N which fold is the test part; the first is 0.")
        if self.fold is not None and not self.folds and self.how in ("picture", "person"):
            raise UsageError(f"--fold {self.fold}: there are no folds. Say with --folds how many.")


def divide(samples: Sequence[Sample], division: Division, task: Task) -> tuple[Parts, list[Note]]:
    """Return the parts, and notes about pictures in none of them. The classes of `task` have equal shares in all folds.

    Raises DatasetError if a part would be empty, or if what the division goes by is unknown.
    """
    notes: list[Note] = []
    way = WAYS.get(division.how)
    if way is None:
        samples, notes = apply_part_file(samples, Path(division.how))
        way = _by_own_folds
    parts = way(samples, division, task)
    if division.val:
        if "val" in parts:
            raise UsageError(f"--val {division.val:g}: the set has a validation part of its own. Leave --val out.")
        # By person wherever persons are known: a validation figure of people seen in training is too good.
        by_person = any(sample.person for sample in samples) and division.how != "picture"
        train, val = split_samples(parts["train"], 1 - division.val, division.seed, by_person, "--val")
        parts = {"train": train, "val": val, "test": parts["test"]}
    return parts, notes


def _by_picture(samples: Sequence[Sample], division: Division, task: Task) -> Parts:
    return _drawn(samples, division, task, by_person=False)


def _by_person(samples: Sequence[Sample], division: Division, task: Task) -> Parts:
    if not any(sample.person for sample in samples):
        raise UsageError("--divide person: the set does not say who is on its pictures. Divide it by picture.")
    return _drawn(samples, division, task, by_person=True)


def _drawn(samples: Sequence[Sample], division: Division, task: Task, by_person: bool) -> Parts:
    if not division.folds:
        train, test = split_samples(samples, division.split, division.seed, by_person)
        return {"train": train, "test": test}
    if division.folds == PERSONS:
        folds = folds_of_persons(samples)
    else:
        folds = stratified_folds(samples, int(division.folds), division.seed, task, by_person)
    return _test_on(dict(enumerate(folds)), division.fold)


def _by_own_folds(samples: Sequence[Sample], division: Division, task: Task) -> Parts:
    folds: dict[str, list[Sample]] = {}
    for sample in samples:
        folds.setdefault(PARTS.get(sample.fold, sample.fold), []).append(sample)
    if "" in folds:
        name = folds[""][0].name
        raise UsageError(
            f"--divide own: the set has no folds or parts of its own ({name} is in none). Divide it by picture."
        )
    if all(fold.isdecimal() for fold in folds):
        return _test_on({int(fold): members for fold, members in sorted(folds.items())}, division.fold)
    unknown = sorted(set(folds) - set(PARTS.values()))
    if unknown:
        raise DatasetError(f"--divide {division.how}: found the part {unknown[0]!r}, expected train, val and test.")
    if division.fold is not None:
        raise UsageError(
            f"--fold {division.fold}: the division has the parts {', '.join(folds)}, not folds. Leave --fold out."
        )
    for part in ("train", "test"):
        if part not in folds:
            raise DatasetError(
                f"--divide {division.how}: no picture of the part {part} is there. Expected train and test."
            )
    return {part: folds[part] for part in ("train", "val", "test") if part in folds}


def _test_on(folds: dict[int, list[Sample]], fold: int | None) -> Parts:
    if fold not in folds:
        found = "none was given" if fold is None else f"there is no fold {fold}"
        raise UsageError(f"--fold: {found}. Expected one of {min(folds)} to {max(folds)}, the fold of the test part.")
    train = [sample for number, members in folds.items() if number != fold for sample in members]
    if not train:
        raise DatasetError(
            f"--fold {fold}: all {len(folds[fold])} pictures that are there are in this fold, so none is left for training. "
            "Expected pictures of other folds too."
        )
    return {"train": train, "test": folds[fold]}


WAYS: dict[str, Callable[[Sequence[Sample], Division, Task], Parts]] = {
    "picture": _by_picture,
    "person": _by_person,
    "own": _by_own_folds,
}
