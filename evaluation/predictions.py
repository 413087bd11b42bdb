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

from common.files import atomic_file
from common.inputs import open_input

from .errors import EvaluationError

SUFFIX = "_predictions.npz"
_TEXTS = ("task", "weights", "lmdb", "engine")


@dataclass(frozen=True)
class Predictions:
    """One row for each record: its key in the database, its label (a class number), a probability for each class.

    `labels` has the shape N, `probabilities` N x classes. Without `classes`, classes are called by their numbers.
    `weights`, `lmdb` and `engine` say which caffemodel was measured, on which database, by what.
    Raises EvaluationError if the parts do not fit together.
    """

    keys: Sequence[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    classes: Sequence[str]
    task: str
    weights: str = ""
    lmdb: str = ""
    engine: str = ""

    def __post_init__(self) -> None:
        count = self.probabilities.shape[1]
        if not self.classes:
            object.__setattr__(self, "classes", [str(number) for number in range(count)])
        if len(self.classes) != count:
            raise EvaluationError(
                f"the card names {len(self.classes)} classes, but the net has {count} outputs. Give the net's own card."
            )
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
        smallest, largest = int(self.labels.min()), int(self.labels.max())
        if smallest < 0 or largest >= count:
            raise EvaluationError(
                f"the LMDB has labels from {smallest} to {largest}, but the net knows 0 to {count - 1}. Give the database and "
                "the net of one task, or name a label that does not count in the Accuracy layer: ignore_label."
            )

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Classes x classes counts: rows are actual classes, columns predicted ones (the first of equals)."""
        count = len(self.classes)
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (self.labels, self.probabilities.argmax(1)), 1)
        return matrix


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions as a .npz file (see docs/evaluation.md), replacing an older one.

    It holds the arrays `keys` (N texts), `labels` (N, int64), `probabilities` (N x classes, float32), `classes` (texts),
    and the texts `task`, `weights`, `lmdb` and `engine`. numpy.load reads it without pickle.
    """
    texts: dict[str, Any] = {name: np.array(getattr(predictions, name)) for name in _TEXTS}
    with atomic_file(path, force=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            keys=np.array(predictions.keys),
            labels=predictions.labels,
            probabilities=predictions.probabilities,
            classes=np.array(predictions.classes),
            **texts,
        )


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote. Raises EvaluationError if the file is missing, damaged or of another kind."""
    try:
        # numpy.load leaves a damaged file open if it opened it itself.
        with open_input(path) as stream, np.load(stream, allow_pickle=False) as file:
            return Predictions(
                keys=file["keys"].tolist(),
                labels=file["labels"].astype(np.int64, casting="safe"),
                probabilities=file["probabilities"].astype(np.float32, casting="same_kind"),
                classes=file["classes"].tolist(),
                **{name: str(file[name]) for name in _TEXTS},
            )
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from error
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror or error}). {_EXPECTED}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise EvaluationError(f"{path}: holds no predictions, or is damaged ({error}). {_EXPECTED}") from error


_EXPECTED = f"Expected a file NAME{SUFFIX} that `./moka evaluate` wrote."
