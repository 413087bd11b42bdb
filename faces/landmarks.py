"""Files of landmarks: the points of a face, set by hand.

Known is the form of FG-NET's points/*.pts: 68 points, and the pupils are numbers 31 and 36 of them, counted from 0.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from common.inputs import read_input

from .errors import LandmarkError
from .face import Face, Landmarks, Point

ENDING = ".pts"
_COUNT = 68
_LEFT_PUPIL = 31
_RIGHT_PUPIL = 36
_NOSE_TIP = 67
_MOUTH = 66
# Bytes. A file of 68 points has some 1,300.
_LARGEST = 1 << 16
_FORM = re.compile(r"\s*version:\s*1\s+n_points:\s*(\d{1,6})\s*\{([^{}]*)\}\s*")


def read_points(path: str | Path) -> list[Point]:
    """Return the points of a .pts file, in pixels. Raises LandmarkError with file, line and what was expected."""
    try:
        text = read_input(path, _LARGEST).decode("ascii")
    except OSError as error:
        raise LandmarkError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise LandmarkError(
            f'{path}: is no text. Expected "version: 1", "n_points: {_COUNT}" and the points.'
        ) from error
    found = _FORM.fullmatch(text)
    if not found:
        raise LandmarkError(
            f'{path}: has another form. Expected "version: 1", "n_points: {_COUNT}", and a line "x y" for each point '
            "between { and }."
        )
    first = text.count("\n", 0, found.start(2)) + 1
    points = []
    for number, line in enumerate(found[2].split("\n"), first):
        if not line.strip():
            continue
        try:
            x, y = map(float, line.split())
        except ValueError:
            raise LandmarkError(f"{path}, line {number}: found {line.strip()!r}, expected two numbers: x y.") from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise LandmarkError(f"{path}, line {number}: found {line.strip()!r}, expected finite numbers.")
        points.append((x, y))
    if len(points) != int(found[1]) or len(points) != _COUNT:
        raise LandmarkError(
            f"{path}: holds {len(points)} points and says n_points: {found[1]}. Expected {_COUNT} of them."
        )
    return points


def read_face(path: str | Path) -> Face:
    """Return the face that a .pts file of 68 points describes. Its box is the smallest that holds all points.

    Raises LandmarkError as `read_points` does, and if all points are in one place.
    """
    points = read_points(path)
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    if right - left < 1 or bottom - top < 1:
        raise LandmarkError(f"{path}: all points are in one place. Expected those of a face.")
    landmarks = Landmarks(points[_LEFT_PUPIL], points[_RIGHT_PUPIL], points[_NOSE_TIP], points[_MOUTH])
    return Face((left, top, right - left, bottom - top), 1.0, landmarks)
