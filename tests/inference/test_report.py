"""What is printed: text for people, JSON for programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference.answer import Answer
from inference.report import as_json, as_text
from inference.runner import Result

AGE = Answer("AgeNet", "age", "argmax", "20-29", {"10-19": 0.1, "20-29": 0.8, "30-39": 0.07, "40-49": 0.03}, 0.8)
GENDER = Answer("GenderNet", "gender", "argmax", "female", {"male": 0.01, "female": 0.99}, 0.99)
YEARS = Answer(
    "DexNet", "years", "expected_value", "31.4", {"30": 0.5, "32.8": 0.5}, value=31.4, standard_deviation=1.4
)
RESULT = Result(
    (AGE, GENDER, YEARS),
    {"AgeNet": 0.25, "DexNet": 0.25, "GenderNet": 0.5},
    {"AgeNet": 4.0, "DexNet": 1.0, "GenderNet": 5.25},
)
RUNNER: Any = SimpleNamespace(
    device=SimpleNamespace(name="CPU", runtime="OpenVINO 2026.4.1", precision="f32"),
    why="asked for",
    load=312.4,
    warm_up=9.5,
)


def test_text() -> None:
    assert as_text("face.jpg", (200, 180), RUNNER, RESULT).splitlines() == [
        "picture  face.jpg (200 x 180)",
        "age      20-29    80.0 %   (10-19 10.0 %, 30-39 7.0 %)",
        "gender   female   99.0 %   (male 1.0 %)",
        "years    31.4     (standard deviation 1.4)",
        "device   CPU, OpenVINO 2026.4.1, f32: asked for",
        "time     load 312 ms, warm-up 9.5 ms, preprocess 1.0 ms, inference 10.2 ms (AgeNet 4.0, DexNet 1.0, GenderNet 5.2)",
    ]


def test_json() -> None:
    assert json.loads(as_json("fäce.jpg", (200, 180), RUNNER, RESULT)) == {
        "picture": {"path": "fäce.jpg", "width": 200, "height": 180},
        "answers": [
            {
                "network": "AgeNet",
                "task": "age",
                "read": "argmax",
                "answer": "20-29",
                "probability": 0.8,
                "value": None,
                "standard_deviation": None,
                "probabilities": {"10-19": 0.1, "20-29": 0.8, "30-39": 0.07, "40-49": 0.03},
                "values": {},
                "array": None,
            },
            {
                "network": "GenderNet",
                "task": "gender",
                "read": "argmax",
                "answer": "female",
                "probability": 0.99,
                "value": None,
                "standard_deviation": None,
                "probabilities": {"male": 0.01, "female": 0.99},
                "values": {},
                "array": None,
            },
            {
                "network": "DexNet",
                "task": "years",
                "read": "expected_value",
                "answer": "31.4",
                "probability": None,
                "value": 31.4,
                "standard_deviation": 1.4,
                "probabilities": {"30": 0.5, "32.8": 0.5},
                "values": {},
                "array": None,
            },
        ],
        "device": {"name": "CPU", "runtime": "OpenVINO 2026.4.1", "precision": "f32", "why": "asked for"},
        "milliseconds": {
            "load": 312.4,
            "warm_up": 9.5,
            "preprocess": {"AgeNet": 0.25, "DexNet": 0.25, "GenderNet": 0.5},
            "inference": {"AgeNet": 4.0, "DexNet": 1.0, "GenderNet": 5.25},
        },
    }


def test_numbers() -> None:
    """A long text of numbers does not move the percentages of the others."""
    number = Answer("AgeNet", "years", "value", "37.5", value=37.5)
    box = Answer("BoxNet", "box", "values", "left 0.1, top 0.2 and 9 more", values={"left": 0.1, "top": 0.2})
    heat = Answer("MapNet", "map", "raw", "1x2x2, 0 to 3", array=np.arange(4, dtype=np.float32).reshape(1, 2, 2))
    result = Result((number, box, heat, GENDER), {}, {})
    assert as_text("face.jpg", (200, 180), RUNNER, result).splitlines()[1:5] == [
        "years    37.5",
        "box      left 0.1, top 0.2 and 9 more",
        "map      1x2x2, 0 to 3",
        "gender   female   99.0 %   (male 1.0 %)",
    ]
    answers = json.loads(as_json("face.jpg", (200, 180), RUNNER, result))["answers"]
    assert answers[0]["value"] == 37.5
    assert answers[1]["values"] == {"left": 0.1, "top": 0.2}
    assert answers[2]["array"] == {"shape": [1, 2, 2], "numbers": [0, 1, 2, 3]}


def test_one_task_of_two_networks() -> None:
    other = Answer("OldNet", "age", "argmax", "80-120", {"80-120": 1.0}, 1.0)
    lines = as_text("face.jpg", (200, 180), RUNNER, Result((AGE, other, GENDER), {}, {})).splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["age (AgeNet)", "age (OldNet)", "gender"]
