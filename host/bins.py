"""What a distribution over bins, such as years, is read as: one number for each row of probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]


def expected_value(bins: Sequence[float], probabilities: ArrayLike) -> Doubles:
    """Return the mean of the bins, weighted by their probabilities (N x bins)."""
    import numpy as np

    shares = np.asarray(probabilities, np.float64)
    return np.asarray(shares @ np.asarray(bins, np.float64) / shares.sum(axis=-1))


def median(bins: Sequence[float], probabilities: ArrayLike) -> Doubles:
    """Return the number that half of the probability lies below (N x bins). The mean absolute error is least there.

    A bin reaches to half of the way to its neighbours, and its probability is spread evenly over it.
    """
    import numpy as np

    order = np.argsort(bins, kind="stable")
    ordered = np.asarray(bins, np.float64)[order]
    shares = np.asarray(probabilities, np.float64)[..., order].clip(0)
    between = (ordered[1:] + ordered[:-1]) / 2
    edges = np.concatenate([[2 * ordered[0] - between[0]], between, [2 * ordered[-1] - between[-1]]])
    up_to = np.cumsum(shares, axis=-1)
    half = up_to[..., -1:] / 2
    place = (up_to >= half).argmax(axis=-1)[..., None]
    own = np.take_along_axis(shares, place, axis=-1)
    # A row of zeros has no median; its own share is 0 as well.
    within = 1 - (np.take_along_axis(up_to, place, axis=-1) - half) / np.where(own > 0, own, 1)
    return np.asarray((edges[place] + within * (edges[place + 1] - edges[place]))[..., 0].clip(ordered[0], ordered[-1]))


READINGS: dict[str, Callable[[Sequence[float], ArrayLike], Doubles]] = {
    "expected_value": expected_value,
    "median": median,
}
"""What a card's `read` says of bins -> function."""
