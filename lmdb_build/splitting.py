"""Training and test pictures."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UsageError

from .errors import DatasetError
from .samples import Sample, shuffled


def split_samples(samples: Sequence[Sample], part: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Training and test samples, drawn picture by picture; `part` (0-1) of them are for training.

    Only `seed` and the sorted names decide the draw. Files with the same bytes (UTKFace has some under several names)
    go to the same side, for a test picture must not be trained on under its other name.
    """
    if not 0 < part < 1:
        raise UsageError(f"--split {part:g}: wanted a number between 0 and 1, the part of the pictures for training.")
    groups: dict[str, list[Sample]] = {}
    for sample in shuffled(sorted(samples, key=lambda sample: sample.name), seed):
        groups.setdefault(sample.digest or sample.name, []).append(sample)
    wanted = round(part * len(samples))
    train: list[Sample] = []
    test: list[Sample] = []
    for group in groups.values():
        (train if len(train) + len(group) <= wanted else test).extend(group)
    if not train or not test:
        raise DatasetError(
            f"{len(samples)} pictures, split {part:g}: leaves {len(train)} for training and {len(test)} for the test; "
            "wanted at least one on each side. Add pictures or choose another --split."
        )
    return train, test
