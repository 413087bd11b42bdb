"""Caffe's learning-rate policies."""

from __future__ import annotations

import difflib
import math
from bisect import bisect_right
from collections.abc import Callable

from caffe_io.caffe_pb2 import SolverParameter

from .errors import TrainingError

POLICIES: dict[str, Callable[[SolverParameter, int], float]] = {
    "fixed": lambda p, i: p.base_lr,
    "step": lambda p, i: p.base_lr * p.gamma ** (i // p.stepsize),
    "exp": lambda p, i: p.base_lr * p.gamma**i,
    "inv": lambda p, i: p.base_lr * (1 + p.gamma * i) ** -p.power,
    "multistep": lambda p, i: p.base_lr * p.gamma ** bisect_right(p.stepvalue, i),
    "poly": lambda p, i: p.base_lr * (1 - i / p.max_iter) ** p.power,
    # base_lr / (1 + exp(-gamma (i - stepsize))), written so that nothing overflows
    "sigmoid": lambda p, i: p.base_lr * (1 + math.tanh(p.gamma * (i - p.stepsize) / 2)) / 2,
}


def check_policy(p: SolverParameter) -> None:
    """Raise TrainingError for an unknown lr_policy, or one whose settings are missing."""
    if p.lr_policy not in POLICIES:
        near = difflib.get_close_matches(p.lr_policy, POLICIES, 1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise TrainingError(f'the solver\'s lr_policy is "{p.lr_policy}"; known are {", ".join(POLICIES)}.{hint}')
    if p.lr_policy in ("step", "sigmoid") and p.stepsize < 1:
        raise TrainingError(f'lr_policy "{p.lr_policy}" needs a stepsize of at least 1; the solver has {p.stepsize}.')
    if p.lr_policy not in ("fixed", "poly") and p.gamma < 0:
        raise TrainingError(f'lr_policy "{p.lr_policy}" needs a gamma of at least 0; the solver has {p.gamma:g}.')


def learning_rate(p: SolverParameter, iteration: int) -> float:
    """The rate of `iteration`, before the multipliers of single weights."""
    return POLICIES[p.lr_policy](p, iteration)


def current_step(p: SolverParameter, iteration: int) -> int:
    """How many steps the rate has come down before `iteration`: what Caffe keeps as current_step in a solverstate."""
    if p.lr_policy == "step":
        return max(0, iteration - 1) // p.stepsize
    return bisect_right(p.stepvalue, max(0, iteration - 1)) if p.lr_policy == "multistep" else 0
