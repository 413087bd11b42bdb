"""95 % intervals by bootstrap: what the figure would be on other pictures, or other people, of the same kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..predictions import Predictions
from .metrics import RECORD_METRICS

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 0


def intervals(predictions: Predictions) -> dict[str, list[float]]:
    """Return figure -> its lower and upper bound, for the figures that are means over records.

    Where no person is known, pictures are drawn instead of people. With one person, or one picture, there are no intervals.
    """
    values = {name: found for name, metric in RECORD_METRICS.items() if (found := metric(predictions)) is not None}
    groups = group_numbers(predictions)
    if groups.max() == 0:
        return {}
    tail = 100 * (1 - LEVEL) / 2
    bounds = np.percentile(resampled_means(np.stack([*values.values()]), groups), [tail, 100 - tail], axis=1)
    return {name: [float(low), float(high)] for name, low, high in zip(values, *bounds, strict=True)}


def resampled_means(values: NDArray[np.float64], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the mean of each row of `values` (figures x records) in each resample: figures x RESAMPLES.

    A resample draws as many groups as there are, with replacement, each with all of its records: pictures of one person are
    alike. The seed is fixed, so the same records give the same means.
    """
    count = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups, weights=row, minlength=count) for row in values])
    sizes = np.bincount(groups, minlength=count).astype(float)
    random = np.random.default_rng(_SEED)
    means = np.empty((len(values), RESAMPLES))
    # One resample at a time: all of them together would need RESAMPLES x people numbers.
    for i in range(RESAMPLES):
        times = np.bincount(random.integers(0, count, count), minlength=count).astype(float)
        means[:, i] = sums @ times / (sizes @ times)
    return means


def group_numbers(predictions: Predictions) -> NDArray[np.intp]:
    """Return a number for each record, the same for those of one person; a record of nobody known has its own."""
    if not predictions.people:
        return np.arange(len(predictions.keys))
    names = [person or f"\0{number}" for number, person in enumerate(predictions.people)]
    return np.asarray(np.unique(names, return_inverse=True)[1]).reshape(-1)
