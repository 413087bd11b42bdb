"""A labelled picture, what its labels mean, and the order of pictures."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from common.tasks import age_class

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """One picture of one person.

    `name` is the path below the folder of its set, with "/". Order and random choices depend on it alone, so moving the
    set changes nothing. `age` is in years, 0 to 120. `gender` is 0 (male) or 1 (female). `digest` is a hash of the
    file's bytes, or "" before the file is read.
    """

    path: Path
    name: str
    age: int
    gender: int
    digest: str = ""

    @property
    def age_class(self) -> int:
        """The class of the age: 0 for 0-9, 1 for 10-19, ..., 8 for 80-120."""
        return age_class(self.age)

    def label(self, task: str) -> int:
        """Return the class of this sample in a task of common/tasks.py."""
        return LABELS[task](self)


LABELS: dict[str, Callable[[Sample], int]] = {
    "age": lambda sample: sample.age_class,
    "gender": lambda sample: sample.gender,
}
"""Task -> the class of a sample."""


class LeftOut(NamedTuple):
    """A file that did not become a sample, and why."""

    name: str
    reason: str


def shuffled(items: Iterable[T], seed: int) -> list[T]:
    """Return the items in a random order that depends only on `seed` and their number.

    They are sorted by one random() each. Python promises the same numbers from random() in every version, but not the
    same order from shuffle().
    """
    draw = random.Random(seed)
    keyed = [(draw.random(), item) for item in items]
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed]
