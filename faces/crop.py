"""Cut a face, or the centre, out of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import UsageError

if TYPE_CHECKING:
    from .pictures import Picture

Box = tuple[int, int, int, int]
"""A face in a picture: left, top, width, height in pixels."""


def crop(picture: Picture, box: Box | None, margin: float) -> Picture:
    """Return the part of a picture inside `box`, a view; without a box the face is the whole picture.

    `margin` times the width (height) of the box is added on each side, as far as the picture reaches. A negative margin
    takes that much away. Raises UsageError if no pixel is left.
    """
    height, width = picture.shape[:2]
    x, y, w, h = box or (0, 0, width, height)
    left = max(0, round(x - margin * w))
    right = min(width, round(x + w + margin * w))
    top = max(0, round(y - margin * h))
    bottom = min(height, round(y + h + margin * h))
    if w < 1 or h < 1 or left >= right or top >= bottom:
        raise UsageError(
            f"face box {x}, {y}, {w}, {h} (left, top, width, height) with margin {margin:g}: holds no pixel of the picture, "
            f"which is {width}x{height}. Give a box that lies inside it."
        )
    return picture[top:bottom, left:right]


def centre(picture: Picture, height: int, width: int) -> Picture:
    """Return the central height x width pixels of a picture that is no smaller, a view.

    If the rest is odd, the smaller half is above and to the left, as in Caffe's phase TEST.
    """
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
