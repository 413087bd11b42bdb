"""Pictures of faces: read, check, decode, resize, crop; find faces, align and cut them out."""

from .align import cut
from .crop import Box, crop
from .detectors import DETECTORS, Detector, open_detector
from .face import Face, Landmarks, main_face
from .landmarks import read_face
from .pictures import MIN_SIDE, check_picture, decode, read_bytes, read_picture, resize

__all__ = [
    "DETECTORS",
    "MIN_SIDE",
    "Box",
    "Detector",
    "Face",
    "Landmarks",
    "check_picture",
    "crop",
    "cut",
    "decode",
    "main_face",
    "open_detector",
    "read_bytes",
    "read_face",
    "read_picture",
    "resize",
]
