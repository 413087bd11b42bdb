"""Where labels beside faces go, so that each can be read and none hides another label or another face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rectangles = NDArray[np.int64]
    """Left, top, right, bottom in a row."""

Size = tuple[int, int]
"""Width, height in pixels."""

OF_OTHERS, OF_OWN = 0.1, 0.25
"""A label may hide so much of another face, and of its own."""
LABEL_COSTS, OWN_COSTS = 4.0, 0.3
"""What a hidden pixel of another label costs, and one of the label's own face. One of another face costs 1."""

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
    areas = _areas(boxes)
    if len(boxes) > MOST and not some:
        return places
    for number in np.argsort(-areas, kind="stable")[:MOST]:
        size = sizes[number]
        if size[0] > sheet[0] or size[1] > sheet[1]:
            if some:
                continue
            break
        spots = _spots(size, boxes[number], sheet, gap)
        others = np.delete(boxes, number, axis=0)
        of_faces = _overlaps(spots, others)
        of_labels = _overlaps(spots, taken).sum(axis=1)
        of_own = _overlaps(spots, boxes[number][None])[:, 0]
        costs = of_faces.sum(axis=1) + LABEL_COSTS * of_labels + OWN_COSTS * of_own
        allowed = (of_labels == 0) & (of_own <= OF_OWN * areas[number])
        allowed &= (of_faces <= OF_OTHERS * np.delete(areas, number)).all(axis=1)
        if allowed.any():
            best = spots[np.where(allowed, costs, np.inf).argmin()]
            taken = np.vstack([taken, best])
            places[number] = (int(best[0]), int(best[1]))
        elif not some:
            break
    return places


def _spots(size: Size, box: NDArray[np.int64], sheet: Size, gap: int) -> Rectangles:
    """Return where the label of a box could be, the best place first. All lie within the sheet."""
    width, height = size
    left, top, right, bottom = map(int, box)
    across = (left, right - width, (left + right - width) // 2)
    down = (top, bottom - height)
    corners = [(x, bottom + gap) for x in across]
    corners += [(x, top - gap - height) for x in across]
    corners += [(right + gap, y) for y in down]
    corners += [(left - gap - width, y) for y in down]
    corners += [(x, y) for y in (bottom - gap - height, top + gap) for x in (left + gap, right - gap - width)]
    spots = np.clip(np.array(corners), 0, (sheet[0] - width, sheet[1] - height))
    return np.hstack([spots, spots + size])


def _areas(rectangles: Rectangles) -> NDArray[np.int64]:
    return np.asarray(np.prod(rectangles[:, 2:] - rectangles[:, :2], axis=1), np.int64)


def _overlaps(some: Rectangles, others: Rectangles) -> NDArray[np.int64]:
    """Return how many pixels each of `some` shares with each of `others`."""
    starts = np.maximum(some[:, None, :2], others[None, :, :2])
    ends = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.prod(np.maximum(0, ends - starts), axis=2), np.int64)
