"""The fit: least squares on logarithms, and the error for nets that the fit has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from myriad.cost.constants import Constants, Fit
from myriad.cost.estimate import seconds

from .published import Published

# Where the search begins: what the vendor says of the memory, one element a cycle, 20 us.
START = Constants(memory=3e9, memory_of_two=3e9, plain=400e6, hard=150e6, stage=20e-6)
# Beyond this logarithm of a factor an error counts less, so that a few wrong figures do not decide.
SOFT = 0.15


@dataclass(frozen=True)
class Fitted:
    """The constants, and of each net the factor by which its time was estimated without it: of a rate, of a latency."""

    constants: Constants
    rates: dict[str, float]
    latencies: dict[str, float]


def fit(nets: Sequence[Published]) -> Fitted:
    """Fit the constants to `nets`, and once more without each of them."""
    alone = [net for net in nets if net.latency]
    constants = _latencies(alone, _rates(nets))
    rates, latencies = {}, {}
    for net in nets:
        others = [other for other in nets if other is not net]
        rates[net.net] = _of_two(net, _rates(others)) / (net.threads / net.rate)
    for net in alone:
        others = [other for other in nets if other is not net]
        found = _latencies([other for other in others if other.latency], _rates(others))
        latencies[net.net] = _alone(net, found) / (net.latency / 1e3)
    return Fitted(constants, rates, latencies)


def spread(factors: Sequence[float]) -> Fit:
    """Return how far estimates are off, up or down: the median, nine in ten, and the worst."""
    sizes = np.sort([max(factor, 1 / factor) for factor in factors])
    # The next higher one, so that nine in ten are really within it.
    most = sizes[math.ceil(0.9 * len(sizes)) - 1]
    return Fit(len(sizes), float(np.median(sizes)), float(most), float(sizes[-1]))


def _rates(nets: Sequence[Published]) -> Constants:
    """Fit all but the memory of one inference alone."""
    names = ("memory_of_two", "plain", "hard", "stage")

    def logarithms(constants: Constants) -> list[float]:
        return [math.log(_of_two(net, constants) / (net.threads / net.rate)) for net in nets]

    return _least(names, logarithms, START)


def _latencies(nets: Sequence[Published], constants: Constants) -> Constants:
    """Fit the memory of one inference alone."""

    def logarithms(constants: Constants) -> list[float]:
        return [math.log(_alone(net, constants) / (net.latency / 1e3)) for net in nets]

    return _least(("memory",), logarithms, constants)


def _of_two(net: Published, constants: Constants) -> float:
    """Return the seconds of an inference while `threads` of them run."""
    return seconds(net.efforts, constants, constants.memory_of_two)


def _alone(net: Published, constants: Constants) -> float:
    return seconds(net.efforts, constants, constants.memory)


def _least(names: Sequence[str], logarithms: Callable[[Constants], list[float]], start: Constants) -> Constants:
    from scipy.optimize import least_squares

    def constants(values: np.ndarray) -> Constants:
        return replace(start, **dict(zip(names, map(float, np.exp(values)), strict=True)))

    found = least_squares(
        lambda values: logarithms(constants(values)),
        [math.log(getattr(start, name)) for name in names],
        loss="soft_l1",
        f_scale=SOFT,
    )
    return constants(found.x)
