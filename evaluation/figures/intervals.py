"""95 % intervals by bootstrap: what the figure would be on other pictures, or other people, of the same kind."""

from __future__ import annotations

import numpy as np

from ..predictions import Predictions
from .metrics import RECORD_METRICS

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 0


def intervals(predictions: Predictions) -> dict[str, list[float]]:
    """Return figure -> its lower and upper bound, for the figures that are means over records.

    People are drawn with replacement, each with all of their pictures, because pictures of one person are alike. Where no
    person is known, pictures are drawn. The seed is fixed, so the same predictions give the same bounds.
    """
    groups = group_numbers(predictions)
    count = int(groups.max()) + 1
    random = np.random.default_rng(_SEED)
    # Resamples x people: how often each is drawn.
    draws = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    sizes = draws @ np.bincount(groups, minlength=count)
    tail = 100 * (1 - LEVEL) / 2
    found = {}
    for name, metric in RECORD_METRICS.items():
        values = metric(predictions)
        if values is not None:
            means = draws @ np.bincount(groups, weights=values, minlength=count) / sizes
            found[name] = [float(bound) for bound in np.percentile(means, [tail, 100 - tail])]
    return found


def group_numbers(predictions: Predictions) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return a number for each record, the same for those of one person; a record of nobody known has its own."""
    people = predictions.people or [""] * len(predictions.keys)
    names = [person or f"\0{number}" for number, person in enumerate(people)]
    return np.asarray(np.unique(names, return_inverse=True)[1]).reshape(-1)
