"""From pictures of people to age and gender, on a Myriad X stick or the CPU.

    from inference import FaceAnalyzer, read_picture

    with FaceAnalyzer("graph", device="auto") as analyzer:
        for face in analyzer.analyze(read_picture("photo.jpg")).faces:
            print(face.box, [(answer.task, answer.text, answer.probability) for answer in face.answers])

`Runner` does the part after the faces: `Runner("graph").answer(picture)` is about one face.

Needs numpy, OpenCV, OpenVINO and pydantic, and of this project common/, faces/, host/ and myriad/.
"""

from common.errors import CardError, MeanError, OutputExists, PictureError, UsageError
from faces.pictures import read_picture

from .analyzer import Analysis, AnalyzedFace, FaceAnalyzer
from .answer import Answer, Detection
from .errors import DeviceError, InferenceError
from .runner import Result, Runner

__all__ = [
    "Analysis",
    "AnalyzedFace",
    "Answer",
    "CardError",
    "Detection",
    "DeviceError",
    "FaceAnalyzer",
    "InferenceError",
    "MeanError",
    "OutputExists",
    "PictureError",
    "Result",
    "Runner",
    "UsageError",
    "read_picture",
]
