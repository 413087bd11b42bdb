"""The detectors of faces: one module for each, and the table of them.

To add a detector, write a module with a class that follows the protocol Detector, and add a line to DETECTORS. If it needs
files, add them to PACKAGES in files.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from common.errors import UsageError
from common.messages import known_names

from ..face import Face

if TYPE_CHECKING:
    from ..pictures import Picture

__all__ = ["DETECTORS", "Detector", "open_detector"]


class Detector(Protocol):
    """Finds faces. One thread at a time may use a detector; open one for each thread."""

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces in a picture, best first; an empty list if there is none.

        `picture` is uint8, height x width x 3 (BGR) or height x width (grey), of any size.
        """
        ...


def _haar() -> Detector:
    from .haar import Haar

    return Haar()


def _blazeface() -> Detector:
    from .blazeface import BlazeFace

    return BlazeFace()


def _mtcnn() -> Detector:
    from .mtcnn import Mtcnn

    return Mtcnn()


def _res10() -> Detector:
    from .res10 import Res10

    return Res10()


DETECTORS: dict[str, Callable[[], Detector]] = {
    "haar": _haar,
    "blazeface": _blazeface,
    "mtcnn": _mtcnn,
    "res10": _res10,
}
"""Name -> how to open the detector. Nothing heavy is imported before that."""


def open_detector(name: str) -> Detector:
    """Open a detector of the table. Raises UsageError for another name, DetectorError if its files are missing."""
    if name not in DETECTORS:
        raise UsageError(f"--faces {name}: no such detector. {known_names(name, DETECTORS)}")
    return DETECTORS[name]()
