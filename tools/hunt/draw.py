"""Random choices for one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Shape = tuple[int, ...]


class NoPlace(Exception):
    """The net has no blob that a layer of this type could take."""


@dataclass
class Draw:
    """Random choices for the next layer: `shapes` are those of the net's blobs, the last ones first in favour."""

    random: np.random.Generator
    shapes: Mapping[str, Shape]
    fresh: int = 0
    before: list[str] = field(default_factory=list)

    def pick(self, *choices: object) -> str:
        """Return one of the choices, as prototxt has it."""
        return str(choices[int(self.random.integers(len(choices)))])

    def whole(self, least: int, most: int) -> int:
        return int(self.random.integers(least, max(least, most) + 1))

    def real(self, least: float, most: float) -> float:
        return round(float(self.random.uniform(least, most)), 3)

    def maybe(self, text: str, chance: float = 0.5) -> str:
        return text if self.random.random() < chance else ""

    def bottom(self, rank: int = 4, *, least: int = 1, same: Shape | None = None, besides: Sequence[str] = ()) -> str:
        """Return a blob of this rank (0: any) whose rows and columns are at least so many; newer ones more often."""
        fitting = [
            name
            for name, shape in self.shapes.items()
            if name not in besides
            and (not rank or len(shape) == rank)
            and (same is None or shape == same)
            and (len(shape) < 4 or min(shape[2:]) >= least)
        ]
        if not fitting:
            raise NoPlace
        place = int(len(fitting) * self.random.random() ** 0.4)
        return fitting[min(place, len(fitting) - 1)]


@dataclass(frozen=True)
class Proposal:
    """A layer that may be added: its bottoms, settings, and number of tops."""

    bottoms: tuple[str, ...]
    settings: str = ""
    tops: int = 1
