"""A classifier's figures, counted by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.figures.metrics import correct, figures, is_one_off, majority_baseline, pictures
from evaluation.figures.plots import plot_confusion
from evaluation.figures.text import as_text
from evaluation.predictions import Predictions

# actual: 0 0 0 0 1 1 2 2 3 3, of four classes; predicted: 0 0 1 3 1 3 2 0 2 2
ACTUAL = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3]
PREDICTED = [0, 0, 1, 3, 1, 3, 2, 0, 2, 2]
NAMES = ["0-9", "10-19", "20-29", "30-39"]


def predictions_of(
    task: str = "age", classes: list[str] | None = None, actual: list[int] = ACTUAL, count: int = 4
) -> Predictions:
    probabilities = np.full((len(actual), count), 0.1, np.float32)
    probabilities[np.arange(len(actual)), PREDICTED[: len(actual)]] = 0.7
    keys = [f"{number:08d}" for number in range(len(actual))]
    return Predictions(keys, np.array(actual), probabilities, NAMES if classes is None else classes, task)


def test_counts() -> None:
    found = predictions_of()
    assert found.confusion.tolist() == [[2, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 2, 0]]
    assert (pictures(found), correct(found), majority_baseline(found)) == (10, 4, 0.4)
    one_off = is_one_off(found)
    assert one_off is not None
    assert one_off.sum() == 7  # and 0 -> 1, 3 -> 2 twice


def test_one_off_is_for_ordered_classes_only() -> None:
    assert is_one_off(predictions_of(task="gender")) is None
    assert "one_off_accuracy" not in figures(predictions_of(task="gender"))
    assert "1-off" not in as_text(figures(predictions_of(task="gender")))


def test_the_figures_as_json() -> None:
    found = json.loads(json.dumps(figures(predictions_of())))
    assert found["task"] == "age"
    assert found["pictures"] == 10
    assert found["correct"] == 4
    assert found["accuracy"] == 0.4
    assert found["one_off_accuracy"] == 0.7
    assert found["majority_baseline"] == 0.4
    assert found["standard_error"] == pytest.approx(math.sqrt(0.4 * 0.6 / 10))
    assert found["classes"] == [
        {"name": "0-9", "pictures": 4, "recall": 0.5},
        {"name": "10-19", "pictures": 2, "recall": 0.5},
        {"name": "20-29", "pictures": 2, "recall": 0.5},
        {"name": "30-39", "pictures": 2, "recall": 0.0},
    ]
    assert found["mean_recall"] == pytest.approx(0.375)
    assert found["confusion_matrix"] == [[2, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 2, 0]]


def test_a_class_without_pictures() -> None:
    found = figures(predictions_of(classes=[*NAMES, "80-120"], count=5))
    assert found["classes"][4] == {"name": "80-120", "pictures": 0, "recall": None}
    assert found["mean_recall"] == pytest.approx(0.375)  # of the classes that are there
    assert as_text(found).splitlines()[-1].split()[-1] == "-"


def test_the_text() -> None:
    lines = as_text(figures(predictions_of())).splitlines()
    assert lines[0] == "accuracy 40.0%, 4/10 corrects (standard error 15.5 points)"
    assert lines[1] == "1-off accuracy 70.0%, 7/10"
    assert lines[2] == "always the commonest class: 40.0%"
    assert lines[5].split() == [*NAMES, "recall"]
    assert lines[6].split() == ["0-9", "2", "1", "0", "1", "50%"]
    assert lines[9].split() == ["30-39", "0", "0", "2", "0", "0%"]
    assert len({len(line) for line in lines[5:]}) == 1  # the columns stand one below the other


def test_classes_of_the_same_name_keep_their_own_recall() -> None:
    lines = as_text(figures(predictions_of(classes=["a", "b", "b", "b"]))).splitlines()
    assert [line.split()[-1] for line in lines[6:]] == ["50%", "50%", "50%", "0%"]


def test_without_a_card_classes_are_numbers() -> None:
    assert predictions_of(classes=[]).classes == ["0", "1", "2", "3"]


def test_what_does_not_fit() -> None:
    with pytest.raises(EvaluationError, match="the card names 2 classes, but the net has 4 outputs"):
        predictions_of(classes=["male", "female"])
    with pytest.raises(EvaluationError, match="labels from 0 to 4, but the net knows 0 to 3"):
        predictions_of(actual=[0, 4])


def test_the_picture(tmp_path: Path) -> None:
    plot_confusion(predictions_of(), tmp_path / "sub/matrix.png", "AgeNet_iter_10")
    picture = cv2.imread(str(tmp_path / "sub/matrix.png"))
    assert picture is not None
    assert min(picture.shape[:2]) > 300
    blue = (picture[..., 0].astype(int) - picture[..., 2]) > 60  # shaded cells
    assert 0.02 < blue.mean() < 0.6
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["matrix.png"]
