"""A face in a picture, as a detector or a file of landmarks describes it.

All coordinates are in pixels, and (0, 0) is the outer corner of the top left pixel. The centre of that pixel is at
(0.5, 0.5), and a picture of 100x80 pixels ends at (100, 80).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]
"""x, y in pixels."""
Box = tuple[float, float, float, float]
"""left, top, width, height in pixels."""


class Landmarks(NamedTuple):
    """Points of a face. "Left" is the left of the picture when the face is upright. Nose and mouth may be unknown."""

    left_eye: Point
    right_eye: Point
    nose: Point | None = None
    mouth: Point | None = None


class Face(NamedTuple):
    """A face. `box` is left, top, width, height in pixels and may reach beyond the picture.

    `score` says how sure the detector is; scores of two detectors cannot be compared. `landmarks` is None if the detector
    finds none.
    """

    box: Box
    score: float = 1.0
    landmarks: Landmarks | None = None

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2

    def rounded_box(self) -> tuple[int, int, int, int]:
        """Return the box in whole pixels: left, top, width, height."""
        left, top, width, height = self.box
        return round(left), round(top), max(1, round(width)), max(1, round(height))


def overlap(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(0.0, across) * max(0.0, down)
    together = first[2] * first[3] + second[2] * second[3] - both
    return both / together if together > 0 else 0.0


def face_at(faces: Sequence[Face], box: tuple[int, int, int, int]) -> Face | None:
    """Return the face that agrees best with `box` (left, top, width, height), or None if no face has its middle in it."""
    left, top, width, height = box
    inside = []
    for face in faces:
        x, y = face.centre
        if left <= x <= left + width and top <= y <= top + height:
            inside.append(face)
    return max(inside, key=lambda face: overlap(face.box, box), default=None)


def main_face(faces: Sequence[Face], height: int, width: int) -> Face:
    """Return the face that a picture of height x width shows most likely: large, and near the middle.

    It is the face with the largest area times 1 - d, where d is the distance from the middle of the picture to the middle
    of the box, as a share of half the picture's diagonal. Of equal faces the first is returned.
    """

    def weight(face: Face) -> float:
        x, y = face.centre
        away = math.hypot(x - width / 2, y - height / 2) / (math.hypot(width, height) / 2)
        return face.box[2] * face.box[3] * max(0.0, 1 - away)

    return max(faces, key=weight)
