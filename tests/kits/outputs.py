"""Answers about faces in pictures, for the tests of inference/outputs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from common.card_types import ModelCard
from faces.face import Face
from inference.analyzer import Analysis, AnalyzedFace
from inference.answer import Answer
from inference.frame import Frame
from inference.outputs import About
from kits.inference import card_of

YEARS = Answer(
    "FaceRes", "years", "expected_value", "31.4", {"30": 0.5, "32.8": 0.5}, value=31.4267, standard_deviation=5.2
)
GENDER = Answer("FaceRes", "gender", "argmax", "female", {"male": 0.013, "female": 0.987}, 0.987)
MARKS = Answer("Marks", "marks", "values", "x 0.25, y 0.5", values={"x": 0.25, "y": 0.5})
ANSWERS = (YEARS, GENDER, MARKS)
TIMES = {"detect": 3.0, "prepare": 0.5, "compute": 4.25}


def about_of() -> About:
    """A device with two networks, which give YEARS, GENDER and MARKS."""
    face = card_of(
        "FaceRes",
        outputs=[
            {"blob": "a", "task": "years", "read": "expected_value", "bins": [30, 32.8]},
            {"blob": "g", "task": "gender", "read": "argmax", "classes": ["male", "female"]},
        ],
    )
    marks = card_of("Marks", outputs=[{"blob": "m", "task": "marks", "read": "values", "names": ["x", "y"]}])
    cards = [ModelCard.model_validate(card).at(Path(f"{card['name']}.json")) for card in (face, marks)]
    return About("CPU", "OpenVINO 2026.4", "f32", "asked for", 312.4, 9.5, cards)


def frame_of(name: str = "photo.jpg", size: tuple[int, int] = (300, 400), **changes: Any) -> Frame:
    """A grey picture of height x width."""
    return Frame(name, np.full((*size, 3), 128, np.uint8), milliseconds=changes.pop("milliseconds", 2.0), **changes)


def people(frame: Frame, *boxes: tuple[float, float, float, float], answers: tuple[Answer, ...] = ANSWERS) -> Analysis:
    """The answers about faces in these boxes of a picture."""
    faces = tuple(AnalyzedFace(answers, Face(box, 0.9)) for box in boxes)
    return Analysis(frame.picture.shape[1], frame.picture.shape[0], faces, milliseconds=dict(TIMES))


def cropped(frame: Frame) -> Analysis:
    """The whole picture is a face."""
    whole = (AnalyzedFace(ANSWERS),)
    return Analysis(frame.picture.shape[1], frame.picture.shape[0], whole, "the only face fills 95 %", dict(TIMES))
