"""Labelled pictures, and the classes of their labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

OLDEST = 120  # years; more than anyone reached, so a larger number in a name is a slip


@dataclass(frozen=True)
class Sample:
    """One picture of one person.

    `name` is the path below the folder of the data set, written with "/". It alone decides order and seeds, so that it
    does not matter where the data set is. `digest` is a hash of the file's contents ("" before the file was read).
    """

    path: Path
    name: str
    age: int  # years, 0-120
    gender: int  # 0 male, 1 female, as UTKFace counts
    digest: str = ""

    @property
    def age_class(self) -> int:
        """0 for the ages 0-9, 1 for 10-19, ..., 8 for 80-120."""
        return min(self.age // 10, 8)


class LeftOut(NamedTuple):
    """A file that did not become a sample, and why."""

    name: str
    reason: str


class Task(NamedTuple):
    """What a network is to learn: the names of its classes and the class of a sample."""

    classes: tuple[str, ...]
    label: Callable[[Sample], int]


TASKS: dict[str, Task] = {
    "age": Task((*(f"{low}-{low + 9}" for low in range(0, 80, 10)), f"80-{OLDEST}"), lambda sample: sample.age_class),
    "gender": Task(("male", "female"), lambda sample: sample.gender),
}

T = TypeVar("T")


def shuffled(items: Iterable[T], seed: int) -> list[T]:
    """Return the items in a random order, which depends on `seed` and the number of items alone."""
    # Python promises that random() gives the same numbers in every version. It does not promise this of shuffle().
    draw = random.Random(seed)
    keyed = [(draw.random(), item) for item in items]
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed]
