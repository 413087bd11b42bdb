"""Saved predictions: what is written is read again, and nothing else is taken for predictions."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UsageError
from evaluation.errors import EvaluationError
from evaluation.figures.metrics import figures
from evaluation.predictions import Predictions, read_predictions, read_run, write_predictions


def some_predictions(**changes: Any) -> Predictions:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(4), 25).astype(np.float32)
    keys = [f"{number:08d}_face {number}.jpg" for number in range(24)] + ["00000024_\\xff Zürich.jpg"]
    labels = random.integers(0, 4, 25)
    names = ["0-9", "10-19", "20-29", "ab,c"]
    return dataclasses.replace(
        Predictions(
            keys, labels, probabilities, names, "age", "models/A_iter_10.caffemodel", "data/test_lmdb", "torch"
        ),
        **changes,
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = some_predictions()
    write_predictions(written, tmp_path / "deep/a_predictions.npz")
    read = read_predictions(tmp_path / "deep/a_predictions.npz")
    for name in ("keys", "classes", "task", "weights", "lmdb", "engine"):
        assert getattr(read, name) == getattr(written, name)
    np.testing.assert_array_equal(read.labels, written.labels)
    np.testing.assert_array_equal(read.probabilities, written.probabilities)
    assert read.probabilities.dtype == np.float32
    assert figures(read) == figures(written)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a_predictions.npz"]


def test_the_same_predictions_are_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_predictions(some_predictions(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_others_read_the_file_with_numpy_alone(tmp_path: Path) -> None:
    write_predictions(some_predictions(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert set(file) == {"keys", "labels", "probabilities", "classes", "task", "weights", "lmdb", "engine"}
        assert (file["labels"].dtype, file["probabilities"].shape) == (np.int64, (25, 4))
        assert str(file["task"]) == "age"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None}, "holds no predictions, or is damaged .*labels"),
        ({"keys": np.array(["a"])}, "1 keys, 25 labels and 25 rows of probabilities"),
        ({"labels": np.full(25, 4)}, "labels from 4 to 4, but the net knows 0 to 3"),
        ({"labels": np.full(25, 0.5)}, "holds no predictions"),
        ({"labels": np.array(["0"] * 25)}, "holds no predictions"),
        ({"probabilities": np.ones(25, np.float32)}, "holds no predictions"),
        ({"probabilities": np.array([["a"] * 4] * 25)}, "holds no predictions"),
        ({"classes": np.array(["a", "b"])}, "the card names 2 classes, but the net has 4 outputs"),
        ({"classes": np.array([None] * 4)}, "holds no predictions"),
        ({name: np.empty((0, 4)) for name in ("keys", "labels", "probabilities")}, "holds no predictions"),
    ],
)
def test_predictions_that_are_none(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write_predictions(some_predictions(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        content = {**file, **changes}
    np.savez(tmp_path / "b.npz", **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(EvaluationError, match=rf"b\.npz: .*{words}"):
        read_predictions(tmp_path / "b.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4 no zip", b"\x93NUMPY damaged"])
def test_files_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(
        EvaluationError, match=r"a\.npz: holds no predictions, or is damaged .*Expected a file NAME_pred"
    ):
        read_predictions(tmp_path / "a.npz")


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    write_predictions(some_predictions(), tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    for length in range(1, len(data), 97):
        (tmp_path / "a.npz").write_bytes(data[:length])
        with pytest.raises(EvaluationError, match=r"a\.npz: holds no predictions, or is damaged"):
            read_predictions(tmp_path / "a.npz")


def test_an_array_alone_and_no_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(EvaluationError, match=r"a\.npy: holds no predictions"):
        read_predictions(tmp_path / "a.npy")
    with pytest.raises(EvaluationError, match=r"none: cannot be read \(No such file"):
        read_predictions(tmp_path / "none")


@pytest.mark.timeout(20)
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(EvaluationError, match=r"a\.npz: cannot be read \(a FIFO, not an ordinary file\)"):
        read_predictions(tmp_path / "a.npz")


def of_years(labels: list[float], first_bin: int = 0) -> Predictions:
    count = len(labels)
    bins = [float(number) for number in range(first_bin, 101)]
    probabilities = np.full((count, len(bins)), 1 / len(bins), np.float32)
    return Predictions([str(i) for i in range(count)], np.array(labels), probabilities, (), "years", bins=bins)


@pytest.mark.parametrize(("first_bin", "label"), [(0, -1), (10, 9.5)])
def test_labels_below_the_bins_are_refused(first_bin: int, label: float) -> None:
    """An absent label must not count as an age of -1."""
    assert len(of_years([first_bin, 200.0], first_bin).labels) == 2
    words = rf"labels from {label:g}, but the bins begin at {first_bin}.*ignore_label: {label:g} "
    with pytest.raises(EvaluationError, match=words):
        of_years([30, label], first_bin)


def test_no_person_known_is_no_people() -> None:
    assert list(some_predictions(people=[""] * 25).people) == []
    assert list(some_predictions(people=[""] * 24 + ["a"]).people)[-1] == "a"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"task": "gender", "weights": "b"},
            r"b: is of b on .*computed by torch; .*a is of models/A.* Give the files of one",
        ),
        ({"task": "gender", "lmdb": "b"}, "b: is of models/A.* on b, computed by torch"),
        ({"task": "gender", "engine": "caffe"}, "computed by caffe; .* computed by torch"),
        ({}, r"b: is of the task age, and so is .*a\. Give one file for each task"),
    ],
)
def test_files_of_several_runs_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write_predictions(some_predictions(), tmp_path / "a")
    write_predictions(some_predictions(**changes), tmp_path / "b")
    with pytest.raises(UsageError, match=words):
        read_run([tmp_path / "a", tmp_path / "b"])


def test_the_files_of_one_run_are_read_together(tmp_path: Path) -> None:
    write_predictions(some_predictions(), tmp_path / "a")
    write_predictions(some_predictions(task="gender"), tmp_path / "b")
    assert [run.task for run in read_run([tmp_path / "a", tmp_path / "b"])] == ["age", "gender"]


@pytest.mark.parametrize("row", [[0.5, 0.1, 0.1, 0.1], [2, 1, 0, -2], [0.9, 0.3, 0, -0.2]])
def test_scores_that_are_no_probabilities(row: list[float]) -> None:
    """An IR without its Softmax: the calibration and the expected value would be wrong without a word."""
    probabilities = some_predictions().probabilities.copy()
    probabilities[3] = row
    with pytest.raises(
        EvaluationError, match=r"are not probabilities: the smallest for 00000003_face 3\.jpg is .*, and their sum is"
    ):
        some_predictions(probabilities=probabilities)
    some_predictions(probabilities=some_predictions().probabilities.astype(np.float16).astype(np.float32))
