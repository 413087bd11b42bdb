"""From a picture to the numbers that a network takes: cut out the face, resize it, take its centre, order its channels.

The mean is not subtracted here. It is part of the compiled network, which is fed raw bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from faces.align import EYE_LEVEL, cut
from faces.crop import Box, centre, crop
from faces.face import Face
from faces.pictures import resize

if TYPE_CHECKING:
    from common.card import ModelCard
    from faces.pictures import Picture


def to_tensor(picture: Picture, card: ModelCard, box: Box | Face | None = None) -> Picture:
    """Turn BGR uint8, height x width x 3, into the uint8 1 x channels x height x width that `card` describes.

    `box` says where the face is. A box is cut out as it is. A Face of a detector is turned upright and made square, as
    `./moka cut_faces` does, with the eyes at the card's `eye_level`. Without it the whole picture is the face. A network that was
    trained on the centres of larger pictures gets the centre of a face of their size, as in phase TEST.
    """
    import numpy as np

    _, _, height, width = card.input.shape
    size = card.input.resize_to or (height, width)
    margin = card.crop_margin
    if isinstance(box, Face):
        face = cut(picture, box, max(size), margin, EYE_LEVEL if card.eye_level is None else card.eye_level)
    else:
        face = crop(picture, box, margin)
    face = RESIZES[card.resize](face, *size)
    face = centre(face, height, width)
    face = CHANNEL_ORDERS[card.channel_order](face)
    return np.ascontiguousarray(face.reshape(*face.shape[:2], -1).transpose(2, 0, 1)[None])


def kind_of_tensor(card: ModelCard) -> Hashable:
    """Return what `to_tensor` reads of a card: cards of one kind get the same tensor of a face."""
    size = tuple(card.input.resize_to or ())
    return tuple(card.input.shape), size, card.crop_margin, card.eye_level, card.resize, card.channel_order


def _bgr(face: Picture) -> Picture:
    return face


def _rgb(face: Picture) -> Picture:
    return face[..., ::-1]


def _grey(face: Picture) -> Picture:
    import cv2

    return cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


RESIZES: dict[str, Callable[[Picture, int, int], Picture]] = {"stretch": resize}
CHANNEL_ORDERS: dict[str, Callable[[Picture], Picture]] = {"BGR": _bgr, "RGB": _rgb, "GRAY": _grey}
"""Channel order of a card -> how a BGR picture gets it."""
