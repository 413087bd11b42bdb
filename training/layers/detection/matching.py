"""Which priors are trained on which object of a picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .coding import overlaps

# Boxes that overlap less do not at all.
_LEAST_OVERLAP = 1e-6
NOBODY = -1
"""Stands for no object."""


def match(priors: Tensor, objects: Tensor, threshold: float, per_prediction: bool) -> tuple[Tensor, Tensor]:
    """Return the object of each prior, or NOBODY, and the largest overlap of each prior with any object.

    First, the prior and the object that overlap most become a pair, then those that overlap most among the others, until
    each object has one. With `per_prediction`, each prior that is left also takes the object that it overlaps most, if that is
    at least `threshold` (Liu et al. 2016). Of equal overlaps, the first prior and the first object count.
    """
    # numpy says which of equal numbers argmax takes.
    shared = overlaps(priors, objects).numpy()
    shared = np.where(shared > _LEAST_OVERLAP, shared, 0)
    largest = shared.max(1)
    matched = np.full(len(priors), NOBODY)
    left = shared.copy()
    for _ in range(len(objects)):
        prior, found = np.unravel_index(left.argmax(), left.shape)
        if left[prior, found] == 0:
            break
        matched[prior] = found
        left[prior] = 0
        left[:, found] = 0
    if per_prediction:
        takes = (matched == NOBODY) & (largest > 0) & (largest >= np.float32(threshold))
        matched[takes] = shared[takes].argmax(1)
    return torch.from_numpy(matched), torch.from_numpy(largest)
