"""Distributions over bins, read as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from host.bins import READINGS, expected_value, median


def test_the_mean_of_bins() -> None:
    assert expected_value([0, 10, 20], [[0.25, 0.5, 0.25], [0, 0, 0.5]]).tolist() == [10, 20]


@pytest.mark.parametrize(
    ("shares", "value"),
    [
        ([1, 0, 0], 0),
        ([0, 0, 1], 20),
        ([0, 1, 0], 10),
        ([0.25, 0.5, 0.25], 10),
        ([0.5, 0, 0.5], 5),  # the edge of both bins
        ([0.05, 0.8, 0.15], 5 + 10 * 0.45 / 0.8),
        ([0.9, 0.1, 0], 0.5 / 0.9 * 10 - 5),
        ([0.1, 0.1, 0.0], 5),  # shares of a sum that is not 1
    ],
)
def test_the_median_of_bins(shares: list[float], value: float) -> None:
    assert median([0, 10, 20], shares) == pytest.approx(value)
    assert median([20, 0, 10], [shares[2], shares[0], shares[1]]) == pytest.approx(value)


def test_the_median_has_the_least_mean_absolute_error() -> None:
    """Numbers drawn from the distribution itself are nearer to its median than to its mean or its most probable bin."""
    rng = np.random.default_rng(0)
    bins = np.arange(101.0)
    shares = rng.dirichlet(np.full(101, 0.1), size=200)
    drawn = np.array([rng.choice(bins, 50, p=row) for row in shares])
    errors = {name: abs(drawn - read(bins.tolist(), shares)[:, None]).mean() for name, read in READINGS.items()}
    assert errors["median"] < errors["expected_value"]
    assert errors["median"] < abs(drawn - shares.argmax(axis=1)[:, None]).mean()


def test_no_probability_at_all() -> None:
    assert np.isfinite(median([0, 1, 2], [[0.0, 0.0, 0.0]])).all()
