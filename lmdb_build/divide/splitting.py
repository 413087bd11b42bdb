"""Divides pictures into two parts by a share."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UsageError

from ..errors import DatasetError
from ..samples import Sample
from .groups import groups_of


def split_samples(
    samples: Sequence[Sample], part: float, seed: int, by_person: bool = False, option: str = "--split"
) -> tuple[list[Sample], list[Sample]]:
    """Return training and test samples, drawn picture by picture or person by person. `part` (0 to 1) are for training.

    The draw depends on `seed` and the sorted names alone. Files with the same contents go to the same side.
    """
    check_split(part, option)
    train_size = round(part * len(samples))
    train: list[Sample] = []
    test: list[Sample] = []
    for group in groups_of(samples, seed, by_person):
        (train if len(train) + len(group) <= train_size else test).extend(group)
    if not train or not test:
        raise DatasetError(
            f"{option} {part:g}: of {len(samples)} pictures, {len(train)} are for training and {len(test)} for the test. "
            f"Expected at least one on each side. Add pictures or choose another {option}."
        )
    return train, test


def check_split(part: float, option: str = "--split", what: str = "the share of the pictures for training") -> None:
    """Raise UsageError unless `part` is a share of the pictures."""
    if not 0 < part < 1:
        raise UsageError(f"{option} {part:g}: expected a number between 0 and 1, {what}.")
