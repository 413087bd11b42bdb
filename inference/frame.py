"""A picture on its way from a source to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """A picture, BGR uint8, height x width x 3. `name` is what a person calls it: a path, TAR:MEMBER, VIDEO, a URL.

    `index` counts the frames of one video or camera from 0, and `seconds` is when it is shown (a camera: since it was opened);
    both are 0 for a picture file. `moving`: one of several frames of a video or a camera. `live`: from a camera, which does not
    wait, so the frame may be dropped. `milliseconds` is the time to read and decode it. `outputs` has the values of networks,
    by the path of their card, that the camera itself has fed with this picture.
    """

    name: str
    picture: NDArray[np.uint8]
    index: int = 0
    seconds: float = 0.0
    live: bool = False
    milliseconds: float = 0.0
    moving: bool = False
    outputs: Mapping[Path, Mapping[str, NDArray[np.float32]]] | None = None


@dataclass(frozen=True)
class Unreadable:
    """What a source could not read, and why. The others go on."""

    name: str
    reason: str
