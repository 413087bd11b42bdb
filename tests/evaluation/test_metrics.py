"""A classifier's figures, counted by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.metrics import Scores, plot_confusion
from training.errors import TrainingError

# actual: 0 0 0 0 1 1 2 2 3 3, of four classes; predicted: 0 0 1 3 1 3 2 0 2 2
ACTUAL = np.float32([0, 0, 0, 0, 1, 1, 2, 2, 3, 3])
PREDICTED = [0, 0, 1, 3, 1, 3, 2, 0, 2, 2]
NAMES = ["0-9", "10-19", "20-29", "30-39"]


def scores_of(
    task: str = "age", classes: list[str] | None = None, actual: np.ndarray = ACTUAL, count: int = 4
) -> Scores:
    probabilities = np.full((len(actual), count), 0.1, np.float32)
    probabilities[np.arange(len(actual)), PREDICTED[: len(actual)]] = 0.7
    return Scores(task, NAMES if classes is None else classes, actual, probabilities)


def test_counts() -> None:
    scores = scores_of()
    assert scores.matrix.tolist() == [[2, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 2, 0]]
    assert (scores.total, scores.correct, scores.majority) == (10, 4, 4)
    assert scores.one_off == 7  # and 0 -> 1, 3 -> 2 twice


def test_one_off_is_for_ages_only() -> None:
    assert scores_of(task="gender").one_off is None
    assert "one_off_accuracy" not in scores_of(task="gender").as_dict()
    assert "1-off" not in scores_of(task="gender").text()


def test_the_figures_as_json() -> None:
    figures = json.loads(json.dumps(scores_of().as_dict()))
    assert figures["task"] == "age"
    assert figures["pictures"] == 10
    assert figures["correct"] == 4
    assert figures["accuracy"] == 0.4
    assert figures["one_off_accuracy"] == 0.7
    assert figures["majority_baseline"] == 0.4
    assert figures["standard_error"] == pytest.approx(math.sqrt(0.4 * 0.6 / 10))
    assert figures["classes"] == [
        {"name": "0-9", "pictures": 4, "recall": 0.5},
        {"name": "10-19", "pictures": 2, "recall": 0.5},
        {"name": "20-29", "pictures": 2, "recall": 0.5},
        {"name": "30-39", "pictures": 2, "recall": 0.0},
    ]
    assert figures["mean_recall"] == pytest.approx(0.375)
    assert figures["confusion_matrix"] == [[2, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 2, 0]]


def test_a_class_without_pictures() -> None:
    figures = scores_of(classes=[*NAMES, "80-120"], count=5).as_dict()
    assert figures["classes"][4] == {"name": "80-120", "pictures": 0, "recall": None}
    assert figures["mean_recall"] == pytest.approx(0.375)  # of the classes that are there
    assert scores_of(classes=[*NAMES, "80-120"], count=5).text().splitlines()[-1].split()[-1] == "-"


def test_the_text() -> None:
    lines = scores_of().text().splitlines()
    assert lines[0] == "accuracy 40.0%, 4/10 corrects (standard error 15.5 points)"
    assert lines[1] == "1-off accuracy 70.0%, 7/10"
    assert lines[2] == "always the commonest class: 40.0%"
    assert lines[4].split() == [*NAMES, "recall"]
    assert lines[5].split() == ["0-9", "2", "1", "0", "1", "50%"]
    assert lines[8].split() == ["30-39", "0", "0", "2", "0", "0%"]
    assert len({len(line) for line in lines[4:]}) == 1  # the columns stand one below the other


def test_classes_of_the_same_name_keep_their_own_recall() -> None:
    lines = scores_of(classes=["a", "b", "b", "b"]).text().splitlines()
    assert [line.split()[-1] for line in lines[5:]] == ["50%", "50%", "50%", "0%"]


def test_without_a_card_classes_are_numbers() -> None:
    assert scores_of(classes=[]).classes == ["0", "1", "2", "3"]


def test_what_does_not_fit() -> None:
    with pytest.raises(TrainingError, match="the card names 2 classes, but the net has 4 outputs"):
        scores_of(classes=["male", "female"])
    with pytest.raises(TrainingError, match="labels from 0 to 4; the net knows 0 to 3"):
        scores_of(actual=np.float32([0, 4]))


def test_the_picture(tmp_path: Path) -> None:
    plot_confusion(scores_of(), tmp_path / "sub/matrix.png", "AgeNet_iter_10")
    picture = cv2.imread(str(tmp_path / "sub/matrix.png"))
    assert picture is not None
    assert min(picture.shape[:2]) > 300
    blue = (picture[..., 0].astype(int) - picture[..., 2]) > 60  # shaded cells
    assert 0.02 < blue.mean() < 0.6
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["matrix.png"]
