"""The random numbers with which nets are filled."""

from __future__ import annotations

import os


class _Seeds:
    """A seed for each net: the first net has `first` itself."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._count = 0

    def next(self) -> int:
        # 31 bits, as random_seed of a solver has them.
        seed = (self._first + 1_000_003 * self._count) % 2**31
        self._count += 1
        return seed


_seeds = _Seeds(int.from_bytes(os.urandom(4), "little"))


def set_random_seed(seed: int) -> None:
    """Set the seed from which the weights of the following nets are filled; each of them has its own."""
    global _seeds
    _seeds = _Seeds(seed)


def next_seed() -> int:
    """Return the seed of the next net."""
    return _seeds.next()
