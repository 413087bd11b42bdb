"""A picture as the numbers a network takes: the one place where a face is cut out, resized and turned into NCHW bytes.

The mean is not subtracted here: that is part of the compiled network, which is fed raw bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .card import Card

    Picture = NDArray[np.uint8]

Box = tuple[int, int, int, int]
"""A face in a picture: left, top, width, height in pixels."""


def to_tensor(picture: Picture, card: Card, box: Box | None = None) -> Picture:
    """BGR uint8 height x width x 3 → uint8 (1, channels, height, width) as `card` wants it.

    `box` is the face in the picture; without it the whole picture is the face.
    """
    import numpy as np

    face = cut(picture, box, card.crop_margin)
    face = RESIZES[card.resize](face, card.shape[3], card.shape[2])
    face = CHANNELS[card.channel_order].convert(face)
    return np.ascontiguousarray(face.reshape(*face.shape[:2], -1).transpose(2, 0, 1)[None])


def cut(picture: Picture, box: Box | None, margin: float) -> Picture:
    """The face with `margin` times its width (height) added at each side, as far as the picture reaches.

    A negative margin takes that share away at each side. UsageError for a box outside the picture.
    """
    height, width = picture.shape[:2]
    x, y, w, h = box or (0, 0, width, height)
    left, right = max(0, round(x - margin * w)), min(width, round(x + w + margin * w))
    top, bottom = max(0, round(y - margin * h)), min(height, round(y + h + margin * h))
    if w < 1 or h < 1 or left >= right or top >= bottom:
        raise UsageError(
            f"the face box {box} (left, top, width, height) with margin {margin:g} holds no pixel of the "
            f"{width} x {height} picture; wanted a box that lies in it"
        )
    return picture[top:bottom, left:right]


def stretch(face: Picture, width: int, height: int) -> Picture:
    """Bilinear resize, the proportions not kept: what Caffe's convert_imageset does to training pictures."""
    import cv2

    return cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _keep(face: Picture) -> Picture:
    return face


def _red_first(face: Picture) -> Picture:
    return face[..., ::-1]


def _grey(face: Picture) -> Picture:
    import cv2

    return cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


@dataclass(frozen=True)
class Channels:
    """A channel order: how many channels, and how a BGR picture becomes one."""

    count: int
    convert: Callable[[Picture], Picture]


RESIZES: dict[str, Callable[[Picture, int, int], Picture]] = {"stretch": stretch}
CHANNELS = {"BGR": Channels(3, _keep), "RGB": Channels(3, _red_first), "GRAY": Channels(1, _grey)}
