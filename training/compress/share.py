"""How many channels of a layer stay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """How many channels of a layer stay: a number, or a percentage of those that it has."""

    number: float
    percent: bool

    def of(self, count: int) -> int:
        """How many of `count` channels; at least one."""
        return max(1, round(count * self.number / 100)) if self.percent else int(self.number)
