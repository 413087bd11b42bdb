"""From the picture of a face to age and gender, on a Myriad X stick or the CPU.

    from inference import Runner, read_picture

    with Runner("graph", device="auto") as runner:
        for answer in runner.answer(read_picture("face.jpg")).answers:
            print(answer.task, answer.text, answer.probability)

Needs numpy, OpenCV, OpenVINO and pydantic, and of this project common/, faces/ and myriad/.
"""

from common.errors import CardError, MeanError, OutputExists, PictureError, UsageError
from faces.pictures import read_picture

from .answer import Answer
from .errors import DeviceError, InferenceError
from .runner import Result, Runner

__all__ = [
    "Answer",
    "CardError",
    "DeviceError",
    "InferenceError",
    "MeanError",
    "OutputExists",
    "PictureError",
    "Result",
    "Runner",
    "UsageError",
    "read_picture",
]
