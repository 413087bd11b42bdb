"""BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047): one small net, which finds boxes and six points of each face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..face import Face, Landmarks
from .boxes import groups
from .files import require_files
from .network import Network

if TYPE_CHECKING:
    from ..pictures import Picture

SIDE = 128
"""Pixels of the net's square input."""
# Cells of the net's two grids along a side, and the guesses in each cell.
_GRIDS = ((16, 2), (8, 6))
_LEAST_SCORE = 0.5
_SAME_FACE = 0.3
# Places in the net's list of points.
_LEFT_EYE, _RIGHT_EYE, _NOSE, _MOUTH = range(4)


class BlazeFace:
    """The short-range net of MediaPipe, for faces of at least a tenth of the picture. Scores are from 0.5 to 1."""

    def __init__(self) -> None:
        (path,) = require_files("blazeface")
        self.net = Network(path)
        self.anchors = _anchors()

    def detect(self, picture: Picture) -> list[Face]:
        """Return boxes and landmarks, best first. See Detector."""
        tensor, scale, offset = _letterbox(picture)
        regressors, scores = self.net(tensor)
        probabilities = 1 / (1 + np.exp(-np.clip(scores[0, :, 0].astype(np.float64), -80, 80)))
        good = probabilities > _LEAST_SCORE
        points = _points(regressors[0, good].astype(np.float64), self.anchors[good])
        probabilities = probabilities[good]
        boxes = points[:, :2].reshape(-1, 4)
        faces = []
        for rows in groups(boxes, probabilities, _SAME_FACE):
            # The mean of a group is steadier than its best guess.
            mean = np.average(points[rows], axis=0, weights=probabilities[rows])
            (left, top), (right, bottom), *marks = ((mean - offset) / scale).tolist()
            if right > left and bottom > top:
                eyes = (tuple(marks[each]) for each in (_LEFT_EYE, _RIGHT_EYE, _NOSE, _MOUTH))
                faces.append(
                    Face((left, top, right - left, bottom - top), float(probabilities[rows[0]]), Landmarks(*eyes))
                )
        return faces


def _letterbox(picture: Picture) -> tuple[NDArray[np.float32], float, NDArray[np.float64]]:
    """Fit a picture into the net's square, on black. Returns the input, the scale, and x, y of the picture's corner in it."""
    import cv2

    colour = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.cvtColor(cv2.resize(picture, size, interpolation=way), colour)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    square[top : top + size[1], left : left + size[0]] = small
    return square[None] / 127.5 - 1, scale, np.array([left, top], np.float64)


def _anchors() -> NDArray[np.float64]:
    """Return x, y of the middle of each guess's cell, in pixels of the net's input: 896 x 2."""
    found = []
    for cells, guesses in _GRIDS:
        middles = (np.arange(cells) + 0.5) * SIDE / cells
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        found.append(np.repeat(grid, guesses, axis=0))
    return np.concatenate(found)


def _points(regressors: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return N x 8 x 2: two corners of the box and six points, in pixels of the net's input.

    The net gives the box as middle and size. Everything but the size counts from the anchor.
    """
    values = regressors.reshape(-1, 8, 2)
    half = values[:, 1] / 2
    points = values + anchors[:, None]
    middle = points[:, 0].copy()
    points[:, 0] = middle - half
    points[:, 1] = middle + half
    return points
