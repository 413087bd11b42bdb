"""Which of several blobs is best on which chip: for the latency of one inference, and for inferences a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .constants import SHAVES, SLICES
from .estimate import Cost

SAME = 0.03
"""Estimates that differ by no more than this part are called equal. Errors of one net's blobs have much in common."""


@dataclass(frozen=True)
class Chip:
    """A device with this chip, and the SHAVEs and CMX slices of it that networks may use."""

    name: str
    words: str
    shaves: int
    slices: int

    def inferences(self, cost: Cost) -> int:
        """Return how many inferences of a blob fit at a time: 0, 1 or 2."""
        header = cost.blob.header
        return min(2, self.shaves // max(1, header.shaves), self.slices // max(1, header.cmx_slices))

    def latency(self, cost: Cost) -> float | None:
        """Return inferences/s one after another, None for a blob that does not fit."""
        return 1 / cost.latency if self.inferences(cost) and cost.latency else None

    def rate(self, cost: Cost) -> float | None:
        """Return inferences/s, as many at a time as fit, None for a blob that does not fit."""
        return (None, cost.rate, max(cost.rate, cost.rate_of_two))[self.inferences(cost)]


CHIPS = (
    Chip("NCS2", f"NCS2, all {SHAVES} SHAVEs", SHAVES, SLICES),
    Chip("OAK", "OAK, 13 SHAVEs beside a camera of 1080p", 13, 13),
)


def best(costs: Sequence[Cost], value: Callable[[Cost], float | None]) -> list[Cost]:
    """Return the blob with the largest value, and those that the estimate cannot tell from it."""
    values = [(number, cost) for cost in costs if (number := value(cost)) is not None]
    most = max((number for number, _ in values), default=0.0)
    return [cost for number, cost in values if number >= most * (1 - SAME)]
