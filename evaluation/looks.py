"""Looks: the parts of a picture that a net is shown. Its answer is the mean of the probabilities over them.

A net that was trained on crops of a larger picture can be asked about several of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
"""Channels x height x width."""


def centre(picture: Picture, size: int) -> list[Picture]:
    """Return the central size x size pixels, as phase TEST crops them; the whole picture if `size` is 0."""
    height, width = picture.shape[1:]
    if not size:
        return [picture]
    return [_cut(picture, (height - size) // 2, (width - size) // 2, size)]


def mirror(picture: Picture, size: int) -> list[Picture]:
    """Return the centre, and the centre mirrored."""
    return _mirrored(centre(picture, size))


def ten_crop(picture: Picture, size: int) -> list[Picture]:
    """Return four corners and the centre, each also mirrored: the 10 looks of Krizhevsky et al. 2012."""
    height, width = picture.shape[1:]
    corners = [_cut(picture, top, left, size) for top in (0, height - size) for left in (0, width - size)]
    return _mirrored([*corners, *centre(picture, size)])


def twelve(picture: Picture, size: int) -> list[Picture]:
    """Return the whole picture stretched to the crop size and mirrored, and the ten crops: the 12 looks of LMTCNN."""
    import cv2

    whole = cv2.resize(np.ascontiguousarray(picture.transpose(1, 2, 0)), (size, size), interpolation=cv2.INTER_LINEAR)
    stretched = np.asarray(whole, np.uint8).reshape(size, size, -1).transpose(2, 0, 1)
    return _mirrored([stretched]) + ten_crop(picture, size)


LOOKS: dict[str, Callable[[Picture, int], list[Picture]]] = {
    "centre": centre,
    "mirror": mirror,
    "10-crop": ten_crop,
    "12": twelve,
}


def _cut(picture: Picture, top: int, left: int, size: int) -> Picture:
    return picture[:, top : top + size, left : left + size]


def _mirrored(pictures: list[Picture]) -> list[Picture]:
    return [look for picture in pictures for look in (picture, picture[:, :, ::-1])]
