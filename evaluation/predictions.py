"""The predictions of a classifier for every record of a database, and the file that keeps them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UsageError
from common.files import atomic_file
from common.inputs import open_input
from host.bins import READINGS

from .errors import EvaluationError

SUFFIX = "_predictions.npz"
_ROUNDING = 0.01
"""Far more than the probabilities of a compiled network in f16 are off, and far less than scores without a Softmax."""
_TEXTS = ("task", "weights", "lmdb", "engine")


@dataclass(frozen=True)
class Predictions:
    """One row for each record: its key in the database, its label, and a probability for each class or bin.

    `labels` has the shape N, `probabilities` N x classes. A label is a class number; with `bins` it is the number itself, such
    as an age in years, and `read` (expected_value, median) says how probabilities become one. Without `classes`, classes are
    called by their numbers. `people` says whose picture each is, if that is known. `weights`, `lmdb` and `engine` say which
    caffemodel was measured, on which database, by what.
    Raises EvaluationError if the parts do not fit together.
    """

    keys: Sequence[str]
    labels: NDArray[np.int64] | NDArray[np.float64]
    probabilities: NDArray[np.float32]
    classes: Sequence[str]
    task: str
    weights: str = ""
    lmdb: str = ""
    engine: str = ""
    bins: Sequence[float] = ()
    read: str = "expected_value"
    people: Sequence[str] = ()

    def __post_init__(self) -> None:
        count = self.probabilities.shape[1]
        if not any(self.people):
            object.__setattr__(self, "people", ())
        if self.people and len(self.people) != len(self.keys):
            raise EvaluationError(
                f"{len(self.people)} people for {len(self.keys)} keys; expected one for every record."
            )
        if self.bins:
            self._check_bins(count)
            return
        if not self.classes:
            object.__setattr__(self, "classes", [str(number) for number in range(count)])
        if len(self.classes) != count:
            raise EvaluationError(
                f"the card names {len(self.classes)} classes, but the net has {count} outputs. Give the net's own card."
            )
        self._check_rows()
        smallest, largest = int(self.labels.min()), int(self.labels.max())
        if smallest < 0 or largest >= count:
            raise EvaluationError(
                f"the LMDB has labels from {smallest} to {largest}, but the net knows 0 to {count - 1}. Give the database and "
                "the net of one task, or name a label that does not count in the Accuracy layer: ignore_label."
            )

    def _check_bins(self, count: int) -> None:
        self._check_rows()
        if self.read not in READINGS:
            raise EvaluationError(f'bins are read by "{self.read}"; expected {" or ".join(READINGS)}.')
        if len(self.bins) != count:
            raise EvaluationError(
                f"the card names {len(self.bins)} bins, but the net has {count} outputs. Give the net's own card."
            )
        if not np.isfinite(self.labels).all():
            raise EvaluationError("the labels are not all finite. Name the one that does not count: ignore_label.")
        smallest, first = self.labels.min(), min(self.bins)
        if smallest < first:
            raise EvaluationError(
                f"the LMDB has labels from {smallest:g}, but the bins begin at {first:g}. If {smallest:g} stands for an absent "
                f"label, write it into the Accuracy layer: accuracy_param {{ ignore_label: {smallest:g} }}. Otherwise give the "
                "database and the net of one task."
            )

    def _check_rows(self) -> None:
        if not len(self.keys):
            raise EvaluationError("there are no records, so there is nothing to count.")
        if not len(self.keys) == len(self.labels) == len(self.probabilities):
            raise EvaluationError(
                f"{len(self.keys)} keys, {len(self.labels)} labels and {len(self.probabilities)} rows of probabilities; "
                "expected one of each for every record."
            )
        wrong = int(np.count_nonzero(~np.isfinite(self.probabilities).all(1)))
        if wrong:
            raise EvaluationError(
                f"the net gives NaN or infinite numbers for {wrong} of {len(self.keys)} records, so its figures would mean "
                "nothing. Its training has diverged, or pictures are out of its range. Take an earlier snapshot."
            )
        sums = self.probabilities.sum(1)
        odd = (abs(sums - 1) > _ROUNDING) | (self.probabilities < -_ROUNDING).any(1)
        if odd.any():
            row = int(odd.argmax())
            raise EvaluationError(
                f"the net's answers are not probabilities: the smallest for {self.keys[row]} is "
                f"{self.probabilities[row].min():g}, and their sum is {sums[row]:g}; expected none below 0, and the sum 1. "
                "Give a net whose output is that of a Softmax."
            )

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The number that each record is read as: the mean of the bins, weighted by their probabilities, or their median."""
        return READINGS[self.read](self.bins, self.probabilities)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Classes x classes counts: rows are actual classes, columns predicted ones (the first of equals)."""
        count = len(self.classes)
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (self.labels.astype(np.int64), self.probabilities.argmax(1)), 1)
        return matrix


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions as a .npz file (see docs/evaluation.md), replacing an older one.

    It holds the arrays `keys` (N texts), `labels` (N, int64), `probabilities` (N x classes, float32), `classes` (texts),
    and the texts `task`, `weights`, `lmdb` and `engine`. With bins, `labels` and `bins` are float64, `read` is a text, and there
    are no classes. `people` is there if it is known. numpy.load reads the file without pickle.
    """
    texts: dict[str, Any] = {name: np.array(getattr(predictions, name)) for name in _TEXTS}
    if predictions.people:
        texts["people"] = np.array(predictions.people)
    if predictions.bins:
        texts["bins"] = np.array(predictions.bins, np.float64)
        texts["read"] = np.array(predictions.read)
    else:
        texts["classes"] = np.array(predictions.classes)
    with atomic_file(path, force=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            keys=np.array(predictions.keys),
            labels=predictions.labels,
            probabilities=predictions.probabilities,
            **texts,
        )


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote. Raises EvaluationError if the file is missing, damaged or of another kind."""
    try:
        # numpy.load leaves a damaged file open if it opened it itself.
        with open_input(path) as stream, np.load(stream, allow_pickle=False) as file:
            bins = file["bins"].tolist() if "bins" in file else ()
            return Predictions(
                keys=file["keys"].tolist(),
                labels=file["labels"].astype(np.float64 if bins else np.int64, casting="safe"),
                probabilities=file["probabilities"].astype(np.float32, casting="same_kind"),
                classes=() if bins else file["classes"].tolist(),
                bins=bins,
                read=str(file["read"]) if "read" in file else "expected_value",
                people=file["people"].tolist() if "people" in file else (),
                **{name: str(file[name]) for name in _TEXTS},
            )
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from error
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror or error}). {_EXPECTED}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise EvaluationError(f"{path}: holds no predictions, or is damaged ({error}). {_EXPECTED}") from error


def read_run(files: Sequence[Path]) -> list[Predictions]:
    """Read the predictions of one run, a file for each of its tasks.

    Raises UsageError if they are of different runs, or two of one task.
    """
    runs = [read_predictions(file) for file in files]
    first = runs[0]
    place: dict[str, Path] = {}
    for file, run in zip(files, runs, strict=True):
        if (run.weights, run.lmdb, run.engine) != (first.weights, first.lmdb, first.engine):
            raise UsageError(
                f"{file}: is of {run.weights} on {run.lmdb}, computed by {run.engine}; {files[0]} is of {first.weights} on "
                f"{first.lmdb}, computed by {first.engine}. Give the files of one run; ./moka compare takes several."
            )
        if run.task in place:
            raise UsageError(
                f"{file}: is of the task {run.task}, and so is {place[run.task]}. Give one file for each task; ./moka compare "
                "takes several."
            )
        place[run.task] = file
    return runs


_EXPECTED = f"Expected a file NAME{SUFFIX} that `./moka evaluate` wrote."
