"""OpenCV's SSD face detector, a Caffe net of the SSD fork (Liu et al. 2016). compile2Movidius.sh --net face_detector makes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import CardError
from common.places import GRAPH, ROOT
from host.detections import boxes_in_picture, kept_rows
from host.rest import Rest

from ..align import EYE_DISTANCE, EYE_LEVEL
from ..errors import DetectorError
from ..face import Face
from ..pictures import resize
from .files import PACKAGES
from .network import Network

if TYPE_CHECKING:
    from common.card import ModelCard

    from ..pictures import Picture

NET = PACKAGES["res10"].compiled
FACE = "face"
"""The class of faces on the net's card."""
# Height of the eyes in the net's box, and their distance, as shares of the height. Medians of 334 pictures of FG-NET, whose eyes
# were set by hand; the middle half of them is within 0.02 of these.
_EYES, _EYE_DISTANCE = 0.414, 0.343


class Res10:
    """The net of `graph`; by default of graph/ in the current folder, or else in the checkout. Scores are from 0.5 to 1."""

    def __init__(self, graph: Path | None = None) -> None:
        self._card = _read_card(graph)
        (self._output,) = self._card.outputs
        self._network = Network(self._card.xml_path)
        self._rest = Rest(self._card.host, self._card.path)

    def detect(self, picture: Picture) -> list[Face]:
        """Return boxes, best first. See Detector."""
        import cv2

        bgr = picture if picture.ndim == 3 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
        height, width = self._card.input.shape[2:]
        tensor = resize(bgr, height, width).transpose(2, 0, 1)[None]
        values = self._rest.finish(self._network.named(tensor))
        assert self._output.read == "detections"
        rows = kept_rows(values[self._output.blob], self._output)
        rows = rows[rows[:, 1] == self._output.classes.index(FACE)]
        boxes = boxes_in_picture(rows[:, 3:], self._output, self._card.input, bgr.shape[1], bgr.shape[0])
        found = zip(boxes.tolist(), rows[:, 2].tolist(), strict=True)
        return [face_of(box, score) for box, score in found if min(box[2:]) > 0]


def face_of(box: Sequence[float], score: float) -> Face:
    """Return a face whose box is a square with the eyes where they are in those of other detectors.

    `box` is the net's: left, top, width, height in pixels.
    """
    left, top, width, height = box
    side = _EYE_DISTANCE / EYE_DISTANCE * height
    corner = (left + width / 2 - side / 2, top + _EYES * height - EYE_LEVEL * side)
    return Face((*corner, side, side), score)


def how_to_make() -> str:
    """Return the commands that fetch the weights and compile the net."""
    return f"tools/detectors.sh res10 && ./compile2Movidius.sh --net {NET}"


def _read_card(graph: Path | None) -> ModelCard:
    """Read the card of the compiled net, and check that its files are there. Raises DetectorError."""
    from common.card import read_card

    places = [graph] if graph else [GRAPH, ROOT / "graph"]
    path = next((path for folder in places if (path := folder / f"{NET}.json").is_file()), None)
    if path is None:
        raise DetectorError(f"{places[0] / NET}.json: not found. The detector res10 needs it. Make it: {how_to_make()}")
    try:
        card = read_card(path)
        for file in (card.xml_path, card.bin_path):
            card.check_file(file)
    except CardError as error:
        raise DetectorError(f"The detector res10 cannot be used: {error}") from error
    named = [FACE in output.classes for output in card.outputs if output.read == "detections"]
    if named != [True] or len(card.outputs) > 1 or card.obstacle or card.channel_order != "BGR":
        raise DetectorError(
            f"{path}: is not the card of {NET}, which detects faces. Make it again: {how_to_make()} --force"
        )
    return card
