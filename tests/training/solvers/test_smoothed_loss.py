"""The loss of the log: the mean of the last iterations'."""

from __future__ import annotations

import math

import pytest

from training.solvers.smoothed_loss import SmoothedLoss


@pytest.mark.parametrize("count", [1, 3, 20])
def test_it_is_the_mean_of_the_last(count: int) -> None:
    losses = [float(index**2 % 7) for index in range(12)]
    smoothed = SmoothedLoss(count)
    for index, loss in enumerate(losses):
        smoothed.add(loss)
        last = losses[max(0, index + 1 - count) : index + 1]
        assert smoothed.value == pytest.approx(sum(last) / len(last))


def test_once_nan_always_nan() -> None:
    smoothed = SmoothedLoss(2)
    for loss in (1.0, math.nan, 1.0, 1.0, 1.0):
        smoothed.add(loss)
    assert math.isnan(smoothed.value)
