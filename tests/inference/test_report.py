"""What is printed: text for people, JSON for programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

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
