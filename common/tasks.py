"""What a network can be asked about a face: the tasks, their classes and the order of those classes.

The number of a class is its place in `classes`. It is written into every LMDB, so the order here must never change.
"""

from __future__ import annotations

from dataclasses import dataclass

OLDEST = 120
"""Years. Nobody has lived longer, so a larger age in a data set is a mistake."""
AGE_RANGES: tuple[tuple[int, int], ...] = (*((first, first + 9) for first in range(0, 80, 10)), (80, OLDEST))
"""First and last age of each age class, both included."""
MALE, FEMALE = 0, 1
"""Gender as UTKFace numbers it. IMDB-WIKI numbers it the other way round."""


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


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("age", classes=tuple(f"{first}-{last}" for first, last in AGE_RANGES), ordered=True),
        Task("gender", classes=("male", "female")),
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
