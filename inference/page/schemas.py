"""What the API answers. FastAPI writes the OpenAPI document from these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from ..analyzer import Analysis, AnalyzedFace
from ..answer import Answer, Detection

if TYPE_CHECKING:
    from ..runner import Runner


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Box(BaseModel):
    """Where a face is, in pixels of the picture. It may reach beyond the picture."""

    left: int
    top: int
    width: int
    height: int


class Numbers(BaseModel):
    """A raw output, row by row."""

    shape: list[int]
    numbers: list[float]


class OneAnswer(BaseModel):
    """What a network says about a task. `read` says which of the fields after `answer` it has."""

    network: str
    task: str
    read: str = Field(description="argmax, expected_value, median, value, values, raw or detections")
    answer: str = Field(description="for people: the class, or the number")
    probability: float | None = None
    value: float | None = None
    standard_deviation: float | None = None
    probabilities: dict[str, float] = {}
    values: dict[str, float] = {}
    array: Numbers | None = None


class Person(BaseModel):
    """A face and the answers about it."""

    box: Box | None = Field(description="null if the whole picture is the face")
    score: float | None = Field(description="how sure the detector is")
    track: int | None = Field(description="the number of a person over the frames of a video")
    answers: list[OneAnswer]


class Thing(BaseModel):
    """Something that a network has found in the whole picture."""

    network: str
    task: str
    name: str = Field(description="its class")
    label: int = Field(description="the number of the class")
    score: float = Field(description="how sure the network is")
    box: Box


class DeviceUsed(BaseModel):
    """What computes."""

    name: str
    runtime: str
    precision: str
    why: str


class People(BaseModel):
    """Everybody in a picture. Without a face, `faces` is empty."""

    width: int
    height: int
    faces: list[Person]
    detections: list[Thing] = Field(description="what networks that detect have found in the whole picture")
    frame: list[OneAnswer] = Field(description="what networks say about the whole picture")
    sought: bool = Field(description="whether anybody looked for faces")
    cropped: str = Field(description="why the whole picture was taken as one face, if it was")
    device: DeviceUsed
    milliseconds: dict[str, float]


class Captured(People):
    """What was written."""

    written: list[str]


class LivePeople(People):
    """Everybody in one frame of the camera or video."""

    number: int = Field(description="of the frame, as this page counts")
    source: str
    seconds: float
    rate: float = Field(description="frames a second")
    latency: float = Field(description="milliseconds from reading the frame to its answers")
    dropped: int = Field(description="frames that came while the device was busy")


class Allowed(BaseModel):
    """Limits on what is sent."""

    bytes: int
    pixels: int


class Status(BaseModel):
    """What this page runs on."""

    device: DeviceUsed
    networks: list[str]
    detector: str
    source: str = Field(description="the camera or video, if there is one")
    problem: str = Field(description="what is wrong with the camera or video")
    capture: str = Field(description="where captures are written, if anywhere")
    limits: Allowed


class Health(BaseModel):
    """Whether the device answers, and whether the camera or video is read."""

    status: str
    problem: str = ""


def device_used(runner: Runner) -> DeviceUsed:
    """Describe the device of a runner."""
    device = runner.device
    return DeviceUsed(name=device.name, runtime=device.runtime, precision=device.precision, why=runner.why)


def people(analysis: Analysis, runner: Runner) -> People:
    """Describe everybody in a picture."""
    return People(
        width=analysis.width,
        height=analysis.height,
        faces=persons(analysis.faces),
        detections=[_thing(*found) for found in analysis.detections],
        frame=[_answer(answer) for answer in analysis.frame],
        sought=analysis.sought,
        cropped=analysis.cropped,
        device=device_used(runner),
        milliseconds={name: round(value, 3) for name, value in analysis.milliseconds.items()},
    )


def persons(faces: Sequence[AnalyzedFace]) -> list[Person]:
    """Describe some faces."""
    return [
        Person(
            box=_box(face.box) if face.box else None,
            score=_rounded(face.face.score) if face.face else None,
            track=face.track,
            answers=[_answer(answer) for answer in face.answers],
        )
        for face in faces
    ]


def _thing(answer: Answer, detection: Detection) -> Thing:
    return Thing(
        network=answer.network,
        task=answer.task,
        name=detection.name,
        label=detection.label,
        score=round(detection.score, 6),
        box=_box(detection.rounded_box),
    )


def _box(box: tuple[int, int, int, int]) -> Box:
    return Box(**dict(zip(("left", "top", "width", "height"), box, strict=True)))


def _answer(answer: Answer) -> OneAnswer:
    array = None
    if answer.array is not None:
        numbers = [round(float(number), 6) for number in answer.array.ravel()]
        array = Numbers(shape=list(answer.array.shape), numbers=numbers)
    return OneAnswer(
        network=answer.network,
        task=answer.task,
        read=answer.read,
        answer=answer.text,
        probability=_rounded(answer.probability),
        value=_rounded(answer.value),
        standard_deviation=_rounded(answer.standard_deviation),
        probabilities={name: round(value, 6) for name, value in answer.probabilities.items()},
        values={name: round(value, 6) for name, value in answer.values.items()},
        array=array,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
