"""A labelled picture, what its labels mean, and the order of pictures."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from common.tasks import Task
from faces.crop import Box

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """One picture of one person.

    `name` is the path below the folder of its set, with "/". Order and random choices depend on it alone, so moving the
    set changes nothing. `labels` holds what the set says of the picture, under the names of LABELS in common/tasks.py or of
    the set's own tasks; a label that is not there is absent. `person` is "" where nobody knows who it is. `fold` is the
    set's own fold or part: "0", "4", "train", "valid", "test". `landmarks` are x, y in pixels. `digest` is a hash of the
    file's bytes, or "" before the file is read.
    """

    path: Path
    name: str
    labels: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    person: str = ""
    fold: str = ""
    box: Box | None = None
    landmarks: tuple[tuple[float, float], ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        """Keep the labels from being changed."""
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))

    def __hash__(self) -> int:
        """Return the hash of the name: a mapping has none."""
        return hash(self.name)

    def value(self, task: Task) -> float | None:
        """Return the class or number of this sample in a task, or None if it is absent."""
        return task.value(self.labels)


class LeftOut(NamedTuple):
    """A file that did not become a sample, and why."""

    name: str
    reason: str


class Note(NamedTuple):
    """Something that a reader repaired or dropped, in words, and how often."""

    text: str
    times: int


@dataclass
class Found:
    """What a reader found in a data set. `tasks` are the set's own, in addition to those of common/tasks.py."""

    samples: list[Sample] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)


def shuffled(items: Iterable[T], seed: int) -> list[T]:
    """Return the items in a random order that depends only on `seed` and their number.

    They are sorted by one random() each. Python promises the same numbers from random() in every version, but not the
    same order from shuffle().
    """
    draw = random.Random(seed)
    keyed = [(draw.random(), item) for item in items]
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed]
