"""Caffe's learning-rate policies."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from caffe_io.caffe_pb2 import SolverParameter
from common.messages import did_you_mean

from ...errors import SolverError, TrainingError

POLICIES: dict[str, Callable[[SolverParameter, float, int], float]] = {
    "fixed": lambda p, i, step: p.base_lr,
    "step": lambda p, i, step: p.base_lr * _power(p.gamma, step),
    "exp": lambda p, i, step: p.base_lr * _power(p.gamma, i),
    "inv": lambda p, i, step: p.base_lr * _power(1 + p.gamma * i, -p.power),
    "multistep": lambda p, i, step: p.base_lr * _power(p.gamma, step),
    "poly": lambda p, i, step: p.base_lr * _power(1 - i / p.max_iter, p.power),
    # base_lr / (1 + exp(-gamma (i - stepsize))), in a form that does not overflow
    "sigmoid": lambda p, i, step: p.base_lr * (1 + math.tanh(p.gamma * (i - p.stepsize) / 2)) / 2,
}
"""lr_policy -> a function of the settings, the iteration and the current step that returns the rate."""


def check_policy(p: SolverParameter) -> None:
    """Raise SolverError for an unknown lr_policy, or one whose settings are missing."""
    if p.lr_policy not in POLICIES:
        hint = did_you_mean(p.lr_policy, POLICIES)
        raise SolverError(f'the solver\'s lr_policy is "{p.lr_policy}"; known are {", ".join(POLICIES)}.{hint}')
    if p.lr_policy in ("step", "sigmoid") and p.stepsize < 1:
        raise SolverError(f'lr_policy "{p.lr_policy}" needs a stepsize of at least 1; the solver has {p.stepsize}.')
    if p.lr_policy not in ("fixed", "poly") and p.gamma < 0:
        raise SolverError(f'lr_policy "{p.lr_policy}" needs a gamma of at least 0; the solver has {p.gamma:g}.')


def next_step(p: SolverParameter, iteration: float, step: int) -> int:
    """Return the current step at `iteration`, given the one before: how often the rate has been reduced.

    A stretched schedule (timetable.py) asks between two iterations of the solver's own.

    A solverstate stores it as current_step. "multistep" takes at most one step an iteration, even if `iteration` is beyond
    several stepvalues.
    """
    if p.lr_policy == "step":
        return int(iteration // p.stepsize)
    if p.lr_policy == "multistep" and step < len(p.stepvalue) and iteration >= p.stepvalue[step]:
        return step + 1
    return step


def learning_rate(p: SolverParameter, iteration: float, step: int) -> float:
    """Return the rate of `iteration`, whose current step is `step`, before the lr_mult of single weights.

    Raises TrainingError if the rate is not a number ("poly" with a fractional power, beyond max_iter).
    """
    rate = POLICIES[p.lr_policy](p, iteration, step)
    if math.isnan(rate):
        raise TrainingError(
            f'lr_policy "{p.lr_policy}" gives no rate for iteration {iteration:g}; the solver ends at max_iter {p.max_iter}.'
        )
    return rate


def _power(base: float, exponent: float) -> float:
    """Raise `base` to `exponent`; the result is infinite or NaN where that of C's pow is."""
    with np.errstate(all="ignore"):
        return float(np.float64(base) ** np.float64(exponent))
