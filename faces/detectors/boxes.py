"""Boxes as arrays: N x 4, each row left, top, right, bottom in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]


def areas(boxes: Boxes) -> Boxes:
    """Return the area of each box; 0 for one whose sides are turned round."""
    return np.maximum(0, boxes[:, 2] - boxes[:, 0]) * np.maximum(0, boxes[:, 3] - boxes[:, 1])


def overlaps(boxes: Boxes, box: Boxes, of_smaller: bool = False) -> Boxes:
    """Return how much each of `boxes` overlaps `box` (4 numbers), from 0 to 1.

    It is the common area as a share of the area that both cover, or with `of_smaller` of the smaller box's area.
    """
    common = areas(np.hstack([np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])]))
    own, other = areas(boxes), areas(box[None])
    whole = np.minimum(own, other) if of_smaller else own + other - common
    return common / np.maximum(whole, 1e-9)


def groups(boxes: Boxes, scores: Boxes, threshold: float, of_smaller: bool = False) -> list[NDArray[np.intp]]:
    """Group boxes that show the same face. Returns the rows of each group; the best of a group comes first.

    The best box forms a group with all that overlap it by more than `threshold`; then the best of the rest does, and so on.
    """
    waiting = np.argsort(-scores, kind="stable")
    found = []
    while waiting.size:
        near = overlaps(boxes[waiting], boxes[waiting[0]], of_smaller) > threshold
        # A box without area does not overlap even itself.
        near[0] = True
        found.append(waiting[near])
        waiting = waiting[~near]
    return found
