"""The detectors of faces: one module for each, and the table of them.

To add a detector, write a module with a class that follows the protocol Detector, and add a line to DETECTORS. If it needs
files, add them to PACKAGES in files.py. res10 is one of our own compiled nets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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


def _haar(graph: Path | None) -> Detector:
    from .haar import Haar

    return Haar()


def _blazeface(graph: Path | None) -> Detector:
    from .blazeface import BlazeFace

    return BlazeFace()


def _mtcnn(graph: Path | None) -> Detector:
    from .mtcnn import Mtcnn

    return Mtcnn()


def _res10(graph: Path | None) -> Detector:
    from .res10 import Res10

    return Res10(graph)


DETECTORS: dict[str, Callable[[Path | None], Detector]] = {
    "haar": _haar,
    "blazeface": _blazeface,
    "mtcnn": _mtcnn,
    "res10": _res10,
}
"""Name -> how to open the detector. Nothing heavy is imported before that."""


def open_detector(name: str, graph: Path | None = None) -> Detector:
    """Open a detector of the table. Raises UsageError for another name, DetectorError if its files are missing.

    `graph` is the folder of compiled nets, from which res10 is read; by default graph/.
    """
    if name not in DETECTORS:
        raise UsageError(f"--faces {name}: no such detector. {known_names(name, DETECTORS)}")
    return DETECTORS[name](graph)
