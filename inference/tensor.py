"""From a picture to the numbers that a network takes: cut out the face, resize it, order its channels.

The mean is not subtracted here. It is part of the compiled network, which is fed raw bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from common.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

    Picture = NDArray[np.uint8]

Box = tuple[int, int, int, int]
"""A face in a picture: left, top, width and height in pixels."""


def to_tensor(picture: Picture, card: ModelCard, box: Box | None = None) -> Picture:
    """Turn BGR uint8, height x width x 3, into the uint8 1 x channels x height x width that `card` describes.

    `box` is the face in the picture. Without it the whole picture is the face.
    """
    import numpy as np

    _, _, height, width = card.input.shape
    face = cut(picture, box, card.crop_margin)
    face = RESIZES[card.resize](face, width, height)
    face = CHANNEL_ORDERS[card.channel_order](face)
    return np.ascontiguousarray(face.reshape(*face.shape[:2], -1).transpose(2, 0, 1)[None])


def cut(picture: Picture, box: Box | None, margin: float) -> Picture:
    """Cut out a face, with `margin` times its width (height) added at each side, as far as the picture reaches.

    A negative margin removes that share at each side. Raises UsageError for a box outside the picture.
    """
    height, width = picture.shape[:2]
    x, y, w, h = box or (0, 0, width, height)
    left, right = max(0, round(x - margin * w)), min(width, round(x + w + margin * w))
    top, bottom = max(0, round(y - margin * h)), min(height, round(y + h + margin * h))
    if w < 1 or h < 1 or left >= right or top >= bottom:
        raise UsageError(
            f"The face box {box} (left, top, width, height) with margin {margin:g} holds no pixel of the "
            f"{width}x{height} picture; expected a box inside it."
        )
    return picture[top:bottom, left:right]


def stretch(face: Picture, width: int, height: int) -> Picture:
    """Resize bilinearly without keeping the proportions, as Caffe's convert_imageset resizes training pictures."""
    import cv2

    return cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _bgr(face: Picture) -> Picture:
    return face


def _rgb(face: Picture) -> Picture:
    return face[..., ::-1]


def _grey(face: Picture) -> Picture:
    import cv2

    return cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


RESIZES: dict[str, Callable[[Picture, int, int], Picture]] = {"stretch": stretch}
CHANNEL_ORDERS: dict[str, Callable[[Picture], Picture]] = {"BGR": _bgr, "RGB": _rgb, "GRAY": _grey}
"""Channel order of a card -> how a BGR picture gets it."""
