"""From the picture of a face to age and gender, on a Myriad X stick or the CPU.

    from inference import Runner, read_picture

    with Runner("graph", device="auto") as runner:
        for answer in runner.answer(read_picture("face.jpg")).answers:
            print(answer.task, answer.text, answer.probability)

Needs numpy, OpenCV and OpenVINO, and no other room of this project.
"""

from .answer import Answer
from .errors import CardError, DeviceError, InferenceError, MeanError, OutputError, PictureError, UsageError
from .picture import read_picture
from .runner import Result, Runner

__all__ = [
    "Answer",
    "CardError",
    "DeviceError",
    "InferenceError",
    "MeanError",
    "OutputError",
    "PictureError",
    "Result",
    "Runner",
    "UsageError",
    "read_picture",
]
