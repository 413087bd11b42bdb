"""What a network can be asked about a face: the tasks, their classes and the order of those classes.

A *label* is what a data set says of a picture, such as its age in years. A *task* is what a network learns from it: a class,
or a number spread over bins. The number of a class is its place in `classes`. It is written into every LMDB, so the order
here must never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OLDEST = 120
"""Years. Nobody has lived longer, so a larger age in a data set is a mistake."""
AGE_RANGES: tuple[tuple[int, int], ...] = (*((first, first + 9) for first in range(0, 80, 10)), (80, OLDEST))
"""First and last age of each age class, both included."""
ADIENCE_RANGES = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
"""The age classes of the Adience benchmark. The ages between them belong to no class."""
MALE, FEMALE = 0, 1
"""Gender as UTKFace numbers it. IMDB-WIKI numbers it the other way round."""

NEEDS_ITS_LABEL = ("adience_age",)
"""Tasks that get a list of their own only from a set that was labelled for them, though years would do."""
LABELS: dict[str, str] = {
    "years": f"age in years, 0 to {OLDEST}",
    "apparent_years": f"age in years that people guessed, 0 to {OLDEST}",
    "adience_age": "class of Adience's ages, for data that has only ranges",
    "gender": "0 male, 1 female",
    "smile": "0 no, 1 yes",
}
"""The labels that the readers of known data sets give, and what their numbers mean."""


@dataclass(frozen=True)
class Task:
    """One question about a face.

    A task answered by a class has `classes`. A task answered by a number has `bins`, the values that a network spreads
    its probabilities over.
    """

    name: str
    classes: tuple[str, ...] = ()
    bins: tuple[float, ...] = ()
    # Neighbouring classes are close in meaning. Only then does a 1-off accuracy make sense.
    ordered: bool = False
    # Labels that the answer is derived from where a picture has no label of the task's own name.
    labels: tuple[str, ...] = ()
    # First and last year of each class, both included, for labels that are years.
    ranges: tuple[tuple[int, int], ...] = ()

    def value(self, labels: Mapping[str, float]) -> float | None:
        """Return the number of the class, or the number itself for a task with bins. None: the labels do not say.

        A number outside the bins is moved to the nearest one.
        """
        for label in dict.fromkeys((self.name, *self.labels)):
            if label not in labels:
                continue
            number = labels[label]
            if self.bins:
                return min(max(number, self.bins[0]), self.bins[-1])
            return self._class_of_years(number) if label != self.name else number
        return None

    def _class_of_years(self, years: float) -> float | None:
        for number, (first, last) in enumerate(self.ranges):
            if first <= int(years) <= last:
                return float(number)
        return None


_YEARS = tuple(map(float, range(101)))

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "age",
            classes=tuple(f"{first}-{last}" for first, last in AGE_RANGES),
            ordered=True,
            labels=("years",),
            ranges=AGE_RANGES,
        ),
        Task("gender", classes=("male", "female")),
        Task("smile", classes=("no", "yes")),
        Task(
            "adience_age",
            classes=tuple(f"({first}-{last})" for first, last in ADIENCE_RANGES),
            ordered=True,
            labels=("years",),
            ranges=ADIENCE_RANGES,
        ),
        Task("years", bins=_YEARS, ordered=True),
        Task("apparent_years", bins=_YEARS, ordered=True),
    )
}


def age_class(age: int) -> int:
    """Return the class of an age in years: 0 for 0-9, 1 for 10-19, ..., 8 for 80-120.

    Raises ValueError for an age outside 0-120.
    """
    for number, (first, last) in enumerate(AGE_RANGES):
        if first <= age <= last:
            return number
    raise ValueError(f"age {age} is outside 0-{OLDEST} years.")
