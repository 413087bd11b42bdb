"""Verb compare: figures side by side, tests of significance, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.compare import in_words
from evaluation.errors import EvaluationError
from evaluation.figures.differences import aligned, difference
from evaluation.predictions import Predictions, write_predictions
from kits.commands import run_command


def of_classes(right: str, people: list[str] | None = None, **changes: Any) -> Predictions:
    """Predictions of two classes: `right` has a + for each record that is right, and a - for each that is wrong."""
    labels = np.arange(len(right)) % 2
    answers = np.array([label if sign == "+" else 1 - label for sign, label in zip(right, labels, strict=True)])
    fields: dict[str, Any] = {
        "keys": [f"{number:08d}_a.jpg" for number in range(len(right))],
        "labels": labels,
        "probabilities": np.eye(2, dtype=np.float32)[answers],
        "classes": ["male", "female"],
        "task": "gender",
        "people": people or (),
    }
    return Predictions(**{**fields, **changes})


def of_years(errors: list[float]) -> Predictions:
    labels = np.full(len(errors), 50.0)
    probabilities = np.zeros((len(errors), 101), np.float32)
    probabilities[np.arange(len(errors)), (labels + errors).astype(int)] = 1
    keys = [str(number) for number in range(len(errors))]
    return Predictions(keys, labels, probabilities, (), "years", bins=[float(bin) for bin in range(101)])


def test_mcnemars_exact_test_by_hand() -> None:
    """1 against 9 of 10 records that differ: p = 2 (1 + 10) / 2^10."""
    found = difference(of_classes("-" * 9 + "+" * 11), of_classes("+" * 9 + "-" + "+" * 10))
    assert (found.only_first, found.only_other) == (1, 9)
    assert found.p_value == pytest.approx(22 / 1024)
    assert not found.chance
    # Two comparisons share the 5 %: each has 2.5 %, three 1.7 %.
    assert not difference(of_classes("-" * 9 + "+" * 11), of_classes("+" * 9 + "-" + "+" * 10), 2).chance
    assert difference(of_classes("-" * 9 + "+" * 11), of_classes("+" * 9 + "-" + "+" * 10), 3).chance


def test_many_pictures_of_one_person_are_no_evidence() -> None:
    """All ten records that differ show the same person, and one of three people may be chance."""
    people = ["one"] * 10 + ["two"] * 5 + ["three"] * 5
    first = of_classes("-" * 10 + "+" * 10, people)
    assert difference(first, of_classes("+" * 20, people)).chance
    assert not difference(of_classes("-" * 10 + "+" * 10), of_classes("+" * 20)).chance


def test_one_person_alone_is_no_evidence() -> None:
    found = difference(of_classes("-" * 20, ["one"] * 20), of_classes("+" * 20, ["one"] * 20))
    assert (found.low, found.high, found.chance, found.by_people) == (None, None, True, True)
    assert "no interval, because all records are of one person or one picture" in in_words(found, "B")
    assert "can be chance" in in_words(found, "B")


def test_the_mean_absolute_error_is_compared_in_pairs() -> None:
    """The errors vary by far more than the two runs differ; only in pairs the difference shows."""
    errors = [float(number) for number in range(40)]
    found = difference(of_years([error + 1 for error in errors]), of_years(errors))
    assert (found.figure, found.other - found.first) == ("mae", pytest.approx(-1))
    assert (found.low, found.high) == (pytest.approx(-1), pytest.approx(-1))
    assert not found.chance and found.p_value is None
    mixed = difference(of_years([5, 1] * 20), of_years([1, 5] * 20))
    assert mixed.low is not None and mixed.high is not None
    assert mixed.low < 0 < mixed.high and mixed.chance


def test_records_may_be_in_another_order() -> None:
    first = of_classes("+-++")
    order = [2, 0, 3, 1]
    other = Predictions(
        [first.keys[i] for i in order], first.labels[order], first.probabilities[order], first.classes, "gender"
    )
    same = aligned([first, other], [Path("a"), Path("b")])[1]
    np.testing.assert_array_equal(same.probabilities, first.probabilities)
    assert difference(first, same).p_value == 1


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (of_classes("+-+-", task="smile"), "b: is of the task smile, but a is of gender"),
        (of_classes("+-+-", classes=["man", "woman"]), "b: has other classes than a"),
        (of_classes("+-+-+"), "b: is of other records than a: 0 are missing and 1 are more; 00000004_a.jpg is in the other"),
        (of_classes("+-+"), "1 are missing and 0 are more; 00000003_a.jpg is in the first alone"),
        (of_classes("+-+-", labels=np.array([0, 1, 1, 1])), "other labels than a, the first for 00000002_a.jpg: 1 and 0"),
        (of_classes("+-+-", keys=["a", "a", "b", "c"]), "b: holds a key twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(other: Predictions, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        aligned([of_classes("+-+-"), other], [Path("a"), Path("b")])


def test_the_verb(tmp_path: Path) -> None:
    for name, right in (("a", "-" * 9 + "+" * 11), ("b", "+" * 20), ("c", "-" * 8 + "+" * 12)):
        write_predictions(of_classes(right, weights=f"{name}.caffemodel", engine="torch"), tmp_path / f"{name}.npz")
    done = run_command("evaluation", "compare", "a.npz", "b.npz", "c.npz", "--out", "d.json", folder=tmp_path)
    assert done.code == 0, done.err
    assert "B against A: accuracy +45.0 points" in done.out
    assert "hardly chance: B is better" in done.out
    assert done.out.count("The difference can be chance.") == 1
    report = json.loads((tmp_path / "d.json").read_text())
    assert [run["accuracy"] for run in report["runs"]] == [0.55, 1.0, 0.6]
    assert [each["chance"] for each in report["differences"]] == [False, True]
    again = run_command("evaluation", "compare", "a.npz", "b.npz", "--out", "d.json", folder=tmp_path)
    assert again.code == 2 and "already there" in again.err
    alone = run_command("evaluation", "compare", "a.npz", folder=tmp_path)
    assert alone.code == 2 and "Give two or more" in alone.err
