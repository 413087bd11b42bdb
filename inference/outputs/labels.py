"""Where labels beside faces go, so that each can be read and none hides another label or another face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rectangles = NDArray[np.int64]
    """Left, top, right, bottom in the last axis."""
    Lengths = NDArray[np.int64]

Size = tuple[int, int]
"""Width, height in pixels."""

OF_OTHERS, OF_OWN = 0.1, 0.25
"""A label may hide so much of another face, and of its own."""
OWN_COSTS = 0.3
"""What a hidden pixel of a label's own face costs. One of another face costs 1."""

MOST = 100
"""Labels in a picture. Nobody reads more, and the search takes the longer the more faces there are."""


def find_places(
    sizes: Sequence[Size], boxes: Rectangles, taken: Rectangles, sheet: Size, gap: int, some: bool
) -> list[tuple[int, int] | None]:
    """Return left and top of the label of each box, or None where there is no room for it. Larger faces choose first.

    Nothing is placed over the rectangles `taken`. Without `some`, the search ends at the first label for which there is no room.

    A label lies below its face if it can, else above, beside, or at the lower or upper edge inside.
    """
    places: list[tuple[int, int] | None] = [None] * len(boxes)
    if len(boxes) > MOST and not some:
        return places
    areas = _areas(boxes)
    chosen = np.argsort(-areas, kind="stable")[:MOST]
    width, height = np.array(sizes)[chosen].T
    spots = _spots(width, height, boxes[chosen], sheet, gap)
    of_faces = _overlaps(spots[:, :, None], boxes)
    own = np.arange(len(chosen)), slice(None), chosen
    of_own = of_faces[own]
    of_faces[own] = 0
    costs = of_faces.sum(axis=2) + OWN_COSTS * of_own
    free = (of_own <= OF_OWN * areas[chosen, None]) & (of_faces <= OF_OTHERS * areas).all(axis=2)
    free &= ((width <= sheet[0]) & (height <= sheet[1]))[:, None]
    if not some and not free.any(axis=1).all():
        return places
    for place, number in enumerate(chosen):
        allowed = free[place] & (_overlaps(spots[place, :, None], taken) == 0).all(axis=1)
        if allowed.any():
            best = spots[place, np.where(allowed, costs[place], np.inf).argmin()]
            taken = np.vstack([taken, best])
            places[number] = (int(best[0]), int(best[1]))
        elif not some:
            break
    return places


def _spots(width: Lengths, height: Lengths, boxes: Rectangles, sheet: Size, gap: int) -> Rectangles:
    """Return where the label of each box could be, the best place first. All begin within the sheet."""
    left, top, right, bottom = boxes.T
    across = (left, right - width, (left + right - width) // 2)
    corners = [(x, bottom + gap) for x in across]
    corners += [(x, top - gap - height) for x in across]
    corners += [(x, y) for x in (right + gap, left - gap - width) for y in (top, bottom - height)]
    inside = (left + gap, right - gap - width)
    corners += [(x, y) for y in (bottom - gap - height, top + gap) for x in inside]
    starts = np.array(corners).transpose(2, 0, 1)
    size = np.stack([width, height], axis=1)[:, None]
    starts = np.clip(starts, 0, np.maximum(0, sheet - size))
    return np.concatenate([starts, starts + size], axis=2)


def _areas(rectangles: Rectangles) -> Lengths:
    return np.asarray(np.prod(rectangles[:, 2:] - rectangles[:, :2], axis=1), np.int64)


def _overlaps(some: Rectangles, others: Rectangles) -> Lengths:
    """Return how many pixels rectangles share."""
    across = np.minimum(some[..., 2], others[..., 2]) - np.maximum(some[..., 0], others[..., 0])
    down = np.minimum(some[..., 3], others[..., 3]) - np.maximum(some[..., 1], others[..., 1])
    return np.asarray(np.maximum(0, across) * np.maximum(0, down), np.int64)
