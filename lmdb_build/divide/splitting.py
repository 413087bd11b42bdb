"""Divides pictures into a training and a test set."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UsageError

from ..errors import DatasetError
from ..samples import Sample, shuffled


def split_samples(samples: Sequence[Sample], part: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Return training and test samples, drawn picture by picture. `part` (0 to 1) of them are for training.

    The draw depends on `seed` and the sorted names alone. Files with the same contents go to the same side: UTKFace has
    some under several names, and a test picture must not be trained on under its other name.
    """
    check_split(part)
    groups: dict[str, list[Sample]] = {}
    for sample in shuffled(sorted(samples, key=lambda sample: sample.name), seed):
        groups.setdefault(sample.digest or sample.name, []).append(sample)
    train_size = round(part * len(samples))
    train: list[Sample] = []
    test: list[Sample] = []
    for group in groups.values():
        (train if len(train) + len(group) <= train_size else test).extend(group)
    if not train or not test:
        raise DatasetError(
            f"--split {part:g}: of {len(samples)} pictures, {len(train)} are for training and {len(test)} for the test. "
            "Expected at least one on each side. Add pictures or choose another --split."
        )
    return train, test


def check_split(part: float) -> None:
    """Raise UsageError unless `part` is a share of the pictures."""
    if not 0 < part < 1:
        raise UsageError(
            f"--split {part:g}: expected a number between 0 and 1, the share of the pictures for training."
        )
