"""Published figures: their file, and what is said about ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.errors import CardError
from evaluation.errors import EvaluationError
from evaluation.figures.published import Published, PublishedFile, beside_ours, read_published

TASKS: dict[str, dict[str, Any]] = {
    "age": {"accuracy": 0.5, "auc": 0.8, "pictures": 10, "classes": [], "intervals": {"accuracy": [0.4, 0.6]}},
    "years": {"mae": 4.0, "baseline_mae": 9.0, "intervals": {"mae": [3.5, 4.5]}},
}


def entry(task: str, figure: str, value: float) -> Published:
    return Published(task=task, figure=figure, value=value, source="a paper")


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (entry("age", "accuracy", 0.6), "within our interval"),
        (entry("age", "accuracy", 0.61), "ours is worse"),
        (entry("age", "accuracy", 0.39), "ours is better"),
        (entry("age", "auc", 0.9), "ours is worse"),
        (entry("age", "auc", 0.8), "the same"),
        (entry("age", "pictures", 9), "ours is higher"),
        (entry("years", "mae", 3.4), "ours is worse"),
        (entry("years", "mae", 4.6), "ours is better"),
        # An easier set of pictures is no better net.
        (entry("years", "baseline_mae", 10), "ours is lower"),
    ],
)
def test_verdicts(given: Published, verdict: str) -> None:
    (row,) = beside_ours(PublishedFile(Path("p.json"), [given]), TASKS)
    assert row["verdict"] == verdict
    assert (row["value"], row["ours"]) == (given.value, TASKS[given.task][given.figure])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            entry("Age", "mae", 1),
            r'entry 2: this run does not measure the task "Age". Known: age, years. Did you mean "age"',
        ),
        (entry("age", "mae", 1), r'entry 2: the task "age" has no figure "mae". Known: accuracy, auc, pictures\.'),
        (entry("age", "classes", 1), r'the task "age" has no figure "classes"'),
    ],
)
def test_what_the_run_does_not_have(given: Published, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        beside_ours(PublishedFile(Path("p.json"), [entry("age", "auc", 1), given]), TASKS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "holds no list"),
        ("[", "is not JSON"),
        ("[1]", "entry 1: holds 1; expected a JSON object"),
        ('[{"task": "a", "figure": "mae", "value": 1.0}]', 'entry 1: "source" is missing'),
        ('[{"task": "a", "figure": "mae", "value": "1", "source": "b"}]', '"value" is "1"; expected a number'),
        ('[{"task": "a", "figure": "mse", "value": 1, "source": "b"}]', 'there is no figure "mse".*Did you mean "mae"'),
        ('[{"task": "a", "figure": "mae", "value": NaN, "source": "b"}]', "expected a finite number"),
        (
            '[{"task": "a", "figure": "accuracy", "value": 50.7, "source": "b"}]',
            '"value" is 50.7, but accuracy is a share from 0 to 1. Write 50.7 % as 0.507',
        ),
    ],
)
def test_wrong_files(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(CardError, match=words):
        read_published(tmp_path / "p.json")
