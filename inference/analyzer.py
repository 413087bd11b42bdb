"""From a whole picture to answers about everybody in it: find the faces, cut them out, ask all networks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from faces.align import EYE_LEVEL, square_of
from faces.detectors import open_detector
from faces.detectors.files import has_files
from faces.face import Face, overlap
from faces.pictures import check_picture

from .pipeline import Pipeline
from .runner import Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .answer import Answer

AUTO, NONE = "auto", "none"
CROP_OVERLAP = 0.7
"""Intersection over union of a picture and the square of its only face, from which on the picture is cropped to that face."""


@dataclass(frozen=True)
class AnalyzedFace:
    """A face, and what each network says about it.

    `face` is None where the whole picture is the face. `track` is the number of a person over the frames of a video.
    """

    answers: tuple[Answer, ...]
    face: Face | None = None
    track: int | None = None

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """left, top, width, height in whole pixels; None: the whole picture."""
        return self.face.rounded_box() if self.face else None


@dataclass(frozen=True)
class Analysis:
    """What is in a picture of `width` x `height`. Without a face, `faces` is empty.

    `cropped` says why the whole picture was taken as a face, if it was. `milliseconds` are those of "detect" (find the faces),
    "prepare" (cut them out and resize) and "compute" (all networks).
    """

    width: int
    height: int
    faces: tuple[AnalyzedFace, ...]
    cropped: str = ""
    milliseconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The faces of a picture; None stands for the whole picture. `cropped` is that of Analysis."""

    faces: tuple[Face | None, ...]
    cropped: str = ""
    milliseconds: float = 0.0


class FaceAnalyzer:
    """Loads all networks of the folder `graph` and a detector once; `analyze` then answers about pictures.

    `device`, `precision` and `hint` are those of Runner. `detector` is a name of faces.DETECTORS; "auto": BlazeFace if its
    files are there, else Haar; "none": every picture is a face. Faces whose box has a shorter side than `smallest` pixels
    are left out.
    One thread at a time may use an analyzer; `analyze_async` sees to it.
    Raises CardError, DeviceError, DetectorError or UsageError.
    """

    def __init__(
        self,
        graph: str | Path = "graph",
        device: str = "auto",
        *,
        detector: str = AUTO,
        precision: str = "f32",
        smallest: float = 0,
        hint: str = "latency",
    ) -> None:
        name = default_detector() if detector == AUTO else detector
        self.detector_name = "" if name == NONE else name
        self._detector = None if name == NONE else open_detector(name)
        self._smallest = smallest
        self._lock = threading.Lock()
        self.runner = Runner(graph, device, precision, hint=hint)
        level = self.runner.cards[0].eye_level
        self._eye_level = EYE_LEVEL if level is None else level

    def analyze(self, picture: NDArray[np.uint8], box: Face | None = None) -> Analysis:
        """Return the faces of a picture (BGR uint8, height x width x 3) and the answers about them, surest face first.

        With `box` nothing is looked for: the face is there. Raises PictureError, or CardError if no network gives an answer.
        """
        return self.answer(picture, self.find(picture) if box is None else Found((box,)))

    def analyze_all(self, pictures: Iterable[NDArray[np.uint8]]) -> Iterator[Analysis]:
        """Analyze many pictures, in their order: while the networks are asked about one, faces are looked for in the next.

        An error ends it, after the results before it.
        """
        steps = [lambda picture: (picture, self.find(picture)), lambda pair: self.answer(*pair)]
        yield from Pipeline(pictures, steps)

    async def analyze_async(self, picture: NDArray[np.uint8], box: Face | None = None) -> Analysis:
        """Analyze in another thread, so that the event loop goes on. Several calls are answered one after another."""
        return await asyncio.to_thread(self._analyze_alone, picture, box)

    def _analyze_alone(self, picture: NDArray[np.uint8], box: Face | None) -> Analysis:
        with self._lock:
            return self.analyze(picture, box)

    def find(self, picture: NDArray[np.uint8]) -> Found:
        """Do the first half of `analyze`: look for faces. Another thread may do the second half meanwhile."""
        check_picture(picture)
        begun = time.perf_counter()
        if not self._detector:
            return Found((None,))
        faces = [face for face in self._detector.detect(picture) if min(face.box[2:]) >= self._smallest]
        height, width = picture.shape[:2]
        cropped = why_cropped(faces, height, width, self._eye_level)
        return Found((None,) if cropped else tuple(faces), cropped, (time.perf_counter() - begun) * 1e3)

    def answer(self, picture: NDArray[np.uint8], found: Found) -> Analysis:
        """Do the second half of `analyze`: ask the networks about each face."""
        results = self.runner.answer_all(picture, found.faces)
        milliseconds = {
            "detect": found.milliseconds,
            "prepare": sum(sum(result.preprocess.values()) for result in results),
            "compute": sum(sum(result.inference.values()) for result in results),
        }
        analyzed = tuple(AnalyzedFace(result.answers, face) for result, face in zip(results, found.faces, strict=True))
        return Analysis(picture.shape[1], picture.shape[0], analyzed, found.cropped, milliseconds)

    def close(self) -> None:
        """Release the device."""
        self.runner.close()

    def __enter__(self) -> FaceAnalyzer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def default_detector() -> str:
    """Return the detector that is used where none is named."""
    return "blazeface" if has_files("blazeface") else "haar"


def why_cropped(found: Sequence[Face], height: int, width: int, eye_level: float = EYE_LEVEL) -> str:
    """Return why a picture of height x width is cropped to a face already, as those of UTKFace are, or "" if it is not.

    The rule: it shows one face, and what would be cut out for the net, with the eyes at `eye_level`, is the picture or nearly so.
    """
    if len(found) != 1:
        return ""
    square = square_of(found[0], eye_level)
    left, top = (point - place * square.side for point, place in zip(square.pivot, square.place, strict=True))
    share = overlap((left, top, square.side, square.side), (0, 0, width, height))
    if share < CROP_OVERLAP:
        return ""
    return f"{100 * share:.0f} % of the picture are what would be cut out for its only face"
