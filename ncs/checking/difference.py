"""How far two answers are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 2.0**-14
"""The smallest normal number of FP16."""


def difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference, as a part of the largest expected number; infinity if they cannot be compared.

    Numbers that are not finite must be the same. Below SMALLEST, FP16 has fewer and fewer digits.
    """
    if found.size != expected.size:
        return np.inf
    a, b = found.ravel().astype(np.float64), expected.ravel().astype(np.float64)
    finite = np.isfinite(b)
    same = np.array_equal(np.isfinite(a), finite) and np.array_equal(a[~finite], b[~finite], equal_nan=True)
    if not same:
        return np.inf
    largest = np.abs(b[finite]).max(initial=SMALLEST)
    return float(np.abs(a[finite] - b[finite]).max(initial=0) / largest)
