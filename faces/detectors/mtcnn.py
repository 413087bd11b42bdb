"""MTCNN (Zhang et al. 2016, arXiv 1604.02878): three nets in a row, each of which looks closer at fewer boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..face import Face, Landmarks
from .boxes import Boxes, groups
from .files import require_files
from .network import Network

if TYPE_CHECKING:
    from ..pictures import Picture

Floats = NDArray[np.float32]

# The first net looks at squares of 12 pixels, 2 pixels apart.
_WINDOW = 12
_STRIDE = 2
# The smallest face, in pixels and as a share of the shorter side.
_LEAST_FACE = 20
_SMALLEST = 1 / 8
# From one size of the picture to the next.
_STEP = 0.709
# Scores that a box needs after each net.
_LEAST_SCORES = (0.6, 0.7, 0.7)
# Boxes that go from one net to the next. So many are needed only by noise, which would take seconds.
_MOST_BOXES = 500


class Mtcnn:
    """The three nets. Scores are from 0.7 to 1."""

    def __init__(self) -> None:
        self.proposal, self.refinement, self.output = (Network(path) for path in require_files("mtcnn"))

    def detect(self, picture: Picture) -> list[Face]:
        """Return boxes and landmarks, best first. See Detector."""
        import cv2

        colour = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
        rgb = np.asarray(cv2.cvtColor(picture, colour), np.uint8)
        boxes = self._propose(rgb)
        if len(boxes):
            boxes = self._refine(rgb, boxes)
        return self._finish(rgb, boxes) if len(boxes) else []

    def _propose(self, rgb: Picture) -> Boxes:
        """Return squares that may hold a face, from the picture in many sizes."""
        import cv2

        height, width = rgb.shape[:2]
        scale = _WINDOW / max(_LEAST_FACE, min(height, width) * _SMALLEST)
        boxes, scores, moves = [np.zeros((0, 4))], [np.zeros(0)], [np.zeros((0, 4))]
        while min(height, width) * scale >= _WINDOW:
            size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
            small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
            regression, probabilities = self.proposal(_as_input(small[None]))
            # The nets were trained with x and y exchanged.
            x, y = np.nonzero(probabilities[0, :, :, 1] >= _LEAST_SCORES[0])
            corners = np.stack([x, y], axis=1) * _STRIDE
            found = np.hstack([corners, corners + _WINDOW]) / scale
            score = probabilities[0, x, y, 1].astype(np.float64)
            kept = _best(found, score, 0.5)
            boxes.append(found[kept])
            scores.append(score[kept])
            moves.append(regression[0, x, y].astype(np.float64)[kept])
            scale *= _STEP
        all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
        kept = _best(all_boxes, all_scores, 0.7)
        return _squares(_moved(all_boxes[kept], np.concatenate(moves)[kept]))

    def _refine(self, rgb: Picture, boxes: Boxes) -> Boxes:
        """Return those of the squares that the second net takes for faces, moved by it."""
        regression, probabilities = self.refinement(_as_input(_patches(rgb, boxes, 24)))
        score = probabilities[:, 1].astype(np.float64)
        good = np.nonzero(score > _LEAST_SCORES[1])[0]
        good = good[_best(boxes[good], score[good], 0.7)]
        return _squares(_moved(boxes[good], regression[good]))

    def _finish(self, rgb: Picture, boxes: Boxes) -> list[Face]:
        """Return the faces among the squares, with landmarks, by the third net."""
        regression, points, probabilities = self.output(_as_input(_patches(rgb, boxes, 48)))
        score = probabilities[:, 1].astype(np.float64)
        good = np.nonzero(score > _LEAST_SCORES[2])[0]
        boxes, score = boxes[good], score[good]
        size = boxes[:, 2:] - boxes[:, :2]
        # Five x, then five y, as shares of the square.
        marks = boxes[:, None, :2] + points[good].reshape(-1, 2, 5).transpose(0, 2, 1) * size[:, None]
        boxes = _moved(boxes, regression[good])
        faces = []
        for best in _best(boxes, score, 0.7, of_smaller=True):
            left, top, right, bottom = boxes[best].tolist()
            left_eye, right_eye, nose, mouth_left, mouth_right = marks[best].tolist()
            mouth = [(mouth_left[0] + mouth_right[0]) / 2, (mouth_left[1] + mouth_right[1]) / 2]
            if right > left and bottom > top:
                landmarks = Landmarks(*(tuple(each) for each in (left_eye, right_eye, nose, mouth)))
                faces.append(Face((left, top, right - left, bottom - top), float(score[best]), landmarks))
        return faces


def _as_input(pictures: NDArray[Any]) -> Floats:
    """Turn RGB pictures, N x height x width x 3 with values to 255, into what the nets take: N x width x height x 3."""
    values: Floats = (pictures.astype(np.float32) - np.float32(127.5)) / np.float32(128)
    return values.transpose(0, 2, 1, 3)


def _best(boxes: Boxes, scores: Boxes, threshold: float, of_smaller: bool = False) -> NDArray[np.intp]:
    """Return the rows of the best box of each face, best first, and not more than the next net can take."""
    rows = [group[0] for group in groups(boxes, scores, threshold, of_smaller)]
    return np.array(rows[:_MOST_BOXES], np.intp)


def _moved(boxes: Boxes, moves: NDArray[Any]) -> Boxes:
    """Move the four sides of each box by shares of its size."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(boxes + moves * np.hstack([size, size]), np.float64)


def _squares(boxes: Boxes) -> Boxes:
    """Return whole-pixel squares with the middles of `boxes`, as large as their longer sides."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.maximum(1, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2)
    corners: Boxes = np.rint(np.hstack([middle - half, middle + half]))
    return corners


def _patches(rgb: Picture, boxes: Boxes, size: int) -> Floats:
    """Cut squares out of the picture, N x size x size x 3. What lies outside is black."""
    import cv2

    height, width = rgb.shape[:2]
    patches = np.zeros((len(boxes), size, size, 3), np.float32)
    for patch, (left, top, right, bottom) in zip(patches, boxes.astype(int).tolist(), strict=True):
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            continue
        inside = rgb[max(0, top) : bottom, max(0, left) : right]
        edges = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
        square = cv2.copyMakeBorder(inside, *edges, cv2.BORDER_CONSTANT)
        patch[...] = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
    return patches
