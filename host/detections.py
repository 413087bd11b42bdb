"""Rows of detections, as Caffe's DetectionOutput makes them, and where their boxes are in a picture.

A row is image id, label, score, xmin, ymin, xmax, ymax. A negative image id ends the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card_types import InputEntry
    from common.cards.outputs import DetectionsOutput


def kept_rows(numbers: NDArray[Any], output: DetectionsOutput) -> NDArray[np.float32]:
    """Return the rows of the first picture with at least the card's score, best first: N x 7.

    `numbers` are all values of the output, in any shape whose size is a multiple of 7.
    """
    import numpy as np

    rows = np.asarray(numbers, np.float32).reshape(-1, 7)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if ends.size else rows
    # Written so that rows with NaN stay: whoever reads them has to refuse them.
    rows = rows[~(rows[:, 0] > 0) & ~(rows[:, 2] < output.threshold)]
    return rows[np.argsort(-rows[:, 2], kind="stable")]


def boxes_in_picture(
    corners: NDArray[np.float32], output: DetectionsOutput, source: InputEntry, width: int, height: int
) -> NDArray[np.float64]:
    """Return left, top, width, height in pixels of a picture of `width` x `height`: N x 4. They may reach beyond it.

    `corners` are xmin, ymin, xmax, ymax of each row. The net's input is the picture brought to `resize_to`, whose centre
    it takes, or to its own size.
    """
    import numpy as np

    down, across = source.shape[2:]
    whole_down, whole_across = source.resize_to or (down, across)
    places = corners.reshape(-1, 2, 2).astype(np.float64)
    if output.coordinates == "relative":
        places *= (across, down)
    # As faces.crop.centre cuts.
    places += ((whole_across - across) // 2, (whole_down - down) // 2)
    places *= (width / whole_across, height / whole_down)
    return np.concatenate([places[:, 0], places[:, 1] - places[:, 0]], axis=1)
