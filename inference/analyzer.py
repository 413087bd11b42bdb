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
from .runner import FACE_FINDER, Result, Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

    from .answer import Answer, Detection
    from .frame import Frame

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

    `frame` are the answers about the whole picture: what networks that detect have found in it. `sought` says whether
    anybody looked for faces. `cropped` says why the whole picture was taken as a face, if it was.
    `milliseconds` are those of "detect" (find the faces),
    "prepare" (cut them out and resize) and "compute" (all networks).
    """

    width: int
    height: int
    faces: tuple[AnalyzedFace, ...]
    cropped: str = ""
    milliseconds: dict[str, float] = field(default_factory=dict)
    frame: tuple[Answer, ...] = ()
    sought: bool = True

    @property
    def detections(self) -> tuple[tuple[Answer, Detection], ...]:
        """All things that were found in the whole picture, each with the answer that it belongs to."""
        return tuple((answer, each) for answer in self.frame for each in answer.detections)


@dataclass(frozen=True)
class Found:
    """The faces of a picture; None stands for the whole picture. `cropped` and `sought` are those of Analysis."""

    faces: tuple[Face | None, ...]
    cropped: str = ""
    milliseconds: float = 0.0
    sought: bool = True


class FaceAnalyzer:
    """Loads all networks of the folder `graph` and a detector once; `analyze` then answers about pictures.

    `device`, `precision` and `hint` are those of Runner. `detector` is a name of faces.DETECTORS; "auto": BlazeFace if its
    files are there, else res10 if `graph` holds its network, else Haar; "none": every picture is a face. Faces whose box has a
    shorter side than `smallest` pixels are left out. Networks that detect see whole pictures; where `graph` holds no others,
    nobody looks for faces unless a detector is named.
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
        name = default_detector(Path(graph)) if detector == AUTO else detector
        # Before the networks are loaded: its files may be missing.
        self._detector = None if name == NONE else open_detector(name, Path(graph))
        self._smallest = smallest
        self._lock = threading.Lock()
        self.runner = Runner(graph, device, precision, hint=hint)
        faces = self.runner.face_cards
        self._sought = bool(faces) or detector not in (AUTO, NONE)
        self._frame_cards = self.runner.frame_cards
        if name == "res10" and self._sought and self.runner.face_finder:
            # The network is on the device already. It is not asked a second time.
            self._detector = NetDetector(self.runner, self.runner.face_finder)
            self._frame_cards = tuple(card for card in self._frame_cards if card is not self.runner.face_finder)
        self.detector_name = name if self._detector and self._sought else ""
        level = faces[0].eye_level if faces else None
        self._eye_level = EYE_LEVEL if level is None else level
        self._margin = faces[0].crop_margin if faces else 0.0

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
        if not self._sought:
            return Found((), sought=False)
        if not self._detector:
            return Found((None,))
        faces = [face for face in self._detector.detect(picture) if min(face.box[2:]) >= self._smallest]
        height, width = picture.shape[:2]
        cropped = why_cropped(faces, height, width, self._eye_level, self._margin) if self.runner.face_cards else ""
        return Found((None,) if cropped else tuple(faces), cropped, (time.perf_counter() - begun) * 1e3)

    def answer(self, picture: NDArray[np.uint8], found: Found) -> Analysis:
        """Do the second half of `analyze`: ask the networks about each face, and those that detect about the picture."""
        results = self.runner.answer_all(picture, found.faces)
        frame = Result((), {}, {})
        if self._frame_cards:
            frame = self.runner.answer_frame(picture, self._frame_cards)
        milliseconds = {
            "detect": found.milliseconds,
            "prepare": sum(sum(result.preprocess.values()) for result in [*results, frame]),
            "compute": sum(sum(result.inference.values()) for result in [*results, frame]),
        }
        analyzed = tuple(AnalyzedFace(result.answers, face) for result, face in zip(results, found.faces, strict=True))
        height, width = picture.shape[:2]
        return Analysis(width, height, analyzed, found.cropped, milliseconds, frame.answers, found.sought)

    def read(self, frame: Frame) -> Analysis:
        """Return the answers about a frame whose `outputs` hold the values of all networks. The whole of it is the face."""
        assert frame.outputs is not None
        answers, whole = self.runner.read(frame.picture, frame.outputs)
        faces = (AnalyzedFace(answers),) if self._sought else ()
        height, width = frame.picture.shape[:2]
        return Analysis(
            width, height, faces, "", dict.fromkeys(("detect", "prepare", "compute"), 0.0), whole, self._sought
        )

    def close(self) -> None:
        """Release the device."""
        self.runner.close()

    def __enter__(self) -> FaceAnalyzer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class NetDetector:
    """Finds faces with a network of `runner`, on its device. See faces.detectors.Detector."""

    def __init__(self, runner: Runner, card: ModelCard) -> None:
        self._runner = runner
        self._cards = (card,)

    def detect(self, picture: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in a picture, surest first."""
        # Here because it imports numpy, which --help does not need.
        from faces.detectors.res10 import FACE, face_of

        answers = self._runner.answer_frame(picture, self._cards).answers
        found = [each for answer in answers for each in answer.detections if each.name == FACE]
        return [face_of(each.box, each.score) for each in found]


def default_detector(graph: Path) -> str:
    """Return the detector that is used where none is named."""
    if has_files("blazeface"):
        return "blazeface"
    return "res10" if (graph / f"{FACE_FINDER}.json").is_file() else "haar"


def why_cropped(
    found: Sequence[Face], height: int, width: int, eye_level: float = EYE_LEVEL, margin: float = 0.0
) -> str:
    """Return why a picture of height x width is cropped to a face already, as those of UTKFace are, or "" if it is not.

    The rule: it shows one face, and what would be cut out for the net, with the eyes at `eye_level` and with `margin`, is the
    picture or nearly so.
    """
    if len(found) != 1:
        return ""
    square = square_of(found[0], eye_level)
    left, top = (
        point - (place + margin) * square.side for point, place in zip(square.pivot, square.place, strict=True)
    )
    side = square.side * (1 + 2 * margin)
    share = overlap((left, top, side, side), (0, 0, width, height))
    if share < CROP_OVERLAP:
        return ""
    return f"{100 * share:.0f} % of the picture are what would be cut out for its only face"
