"""Haar: the cascade of frontal faces that comes with OpenCV 4. It finds boxes, no landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DetectorError
from ..face import Face

if TYPE_CHECKING:
    from ..pictures import Picture

CASCADE = "haarcascade_frontalface_default.xml"
# Larger pictures are made smaller first, until the shorter side has so many pixels.
_SHORT_SIDE = 240
# The smallest face, as a share of the shorter side.
_SMALLEST = 1 / 8
_STEP = 1.1
_NEIGHBOURS = 4


class Haar:
    """OpenCV's cascade. Scores are the sums of its last stage; they have no upper limit."""

    def __init__(self) -> None:
        import cv2

        path = Path(cv2.__file__).parent / "data" / CASCADE
        self.cascade = cv2.CascadeClassifier(str(path))
        if self.cascade.empty():
            raise DetectorError(
                f"{path}: cannot be loaded. Expected it beside OpenCV 4; install opencv-python-headless 4."
            )

    def detect(self, picture: Picture) -> list[Face]:
        """Return the boxes of frontal faces, best first. See Detector."""
        import cv2

        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        shorter = min(height, width)
        scale = max(1.0, shorter / _SHORT_SIDE)
        if scale > 1:
            size = (round(width / scale), round(height / scale))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        smallest = max(24, round(shorter / scale * _SMALLEST))
        boxes, _, weights = self.cascade.detectMultiScale3(
            cv2.equalizeHist(grey), _STEP, _NEIGHBOURS, minSize=(smallest, smallest), outputRejectLevels=True
        )
        across, down = width / grey.shape[1], height / grey.shape[0]
        faces = []
        for (x, y, w, h), weight in zip(boxes, weights, strict=True):
            faces.append(Face((x * across, y * down, w * across, h * down), float(weight)))
        return sorted(faces, key=lambda face: -face.score)
