"""Cut a face out of a picture: turned upright, square, of a given size.

With two eyes the face is turned until they are level, and scaled until they are at fixed places. A square without margin
has the eyes at 30 % and 70 % of its width and at 37.5 % of its height. That is where they are in the boxes of OpenCV's Haar
detector, so faces with and without landmarks come out at the same scale (docs/faces.md has the measurement).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from common.errors import PictureError, UsageError

from .face import Face, Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .pictures import Picture

EYE_DISTANCE = 0.4
"""Of the side of the square without margin."""
EYE_LEVEL = 0.375
"""Height of the eyes from the top, as a share of the same side."""
LEAST_OF_BOX = 0.7
"""The square is at least this share of the longer side of the box. The eyes of a profile are close together, and without
this limit the square would hold little more than them."""
LARGEST = 4096
"""Pixels. Larger cuts are a slip of the keyboard."""
# Samples along each side of a pixel of the result, when a large face is made small.
_MOST_SAMPLES = 16


class Square(NamedTuple):
    """A square in a picture, without margin. `angle` is in radians, clockwise as seen, and turns it about `pivot`.

    `pivot` is a point of the picture, and `place` is where that point is in the square, as shares of its side.
    """

    pivot: Point
    place: Point
    side: float
    angle: float


def square_of(face: Face, eye_level: float = EYE_LEVEL) -> Square:
    """Return the square around a face: by its eyes if they are known, otherwise by its box, upright.

    With another `eye_level` the square is as large, but further up or down. Raises UsageError if the box is empty.
    """
    _, _, width, height = face.box
    longer = max(width, height)
    if not (min(width, height) > 0 and math.isfinite(longer)):
        raise UsageError(f"face box of {width:g}x{height:g} pixels: is empty. Give a box with a width and a height.")
    if face.landmarks is None:
        return Square(face.centre, (0.5, 0.5 + eye_level - EYE_LEVEL), longer, 0.0)
    (x0, y0), (x1, y1) = face.landmarks.left_eye, face.landmarks.right_eye
    side = max(math.hypot(x1 - x0, y1 - y0) / EYE_DISTANCE, LEAST_OF_BOX * longer)
    return Square(((x0 + x1) / 2, (y0 + y1) / 2), (0.5, eye_level), side, math.atan2(y1 - y0, x1 - x0))


def transform(face: Face, size: int, margin: float, eye_level: float = EYE_LEVEL) -> NDArray[np.float64]:
    """Return the 2x3 matrix that takes a point of the picture (x, y, 1) to its place in the cut of size x size pixels.

    `margin` times the side of the square is added on each side, as `crop` does. Both use the coordinates of faces/face.py.
    Raises UsageError if `size` or `margin` leave no picture.
    """
    import numpy as np

    if not 1 <= size <= LARGEST:
        raise UsageError(f"size {size}: expected 1 to {LARGEST} pixels.")
    if not -0.5 < margin <= 10:
        raise UsageError(f"margin {margin:g}: expected more than -0.5 (nothing would be left) and at most 10.")
    square = square_of(face, eye_level)
    scale = size / (square.side * (1 + 2 * margin))
    cosine, sine = math.cos(square.angle) * scale, math.sin(square.angle) * scale
    x, y = square.pivot
    to_x, to_y = ((place + margin) / (1 + 2 * margin) * size for place in square.place)
    return np.array(
        [[cosine, sine, to_x - cosine * x - sine * y], [-sine, cosine, to_y + sine * x - cosine * y]], np.float64
    )


def cut(picture: Picture, face: Face, size: int, margin: float, eye_level: float = EYE_LEVEL) -> Picture:
    """Return the face as a picture of size x size pixels, turned upright if its eyes are known.

    `picture` is uint8, height x width x channels (BGR, which is kept) or height x width (grey). `margin` is a share of the
    square's side, added on each side; `eye_level` is the height of the eyes in the square without it. What lies outside the
    picture repeats its border. Pixels are resampled once, and averaged over the area of a new pixel where the face gets
    smaller. Raises UsageError as `transform` does.
    """
    import cv2
    import numpy as np

    matrix = transform(face, size, margin, eye_level)
    samples = min(_MOST_SAMPLES, max(1, math.ceil(1 / math.hypot(*matrix[:, 0]) - 1e-6)))
    matrix *= samples
    # OpenCV puts (0, 0) into the centre of the first pixel.
    matrix[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
    try:
        large = cv2.warpAffine(
            picture, matrix, (size * samples, size * samples), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        if samples > 1:
            large = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    except (cv2.error, MemoryError) as error:
        raise PictureError(
            f"a face of {face.box[2]:.0f}x{face.box[3]:.0f} pixels in a picture of {picture.shape[1]}x{picture.shape[0]} "
            "cannot be cut out: too large for OpenCV. Make the picture smaller."
        ) from error
    return np.asarray(large, np.uint8)
