"""The figures of a classifier: accuracy, 1-off accuracy, recall of each class, confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from caffe_io.blobs import Array
from common.files import atomic_file
from training.errors import TrainingError


@dataclass
class Scores:
    """`labels`: N class indices; `probabilities`: N x classes. The matrix has a row for each actual class."""

    task: str
    classes: list[str]
    labels: Array
    probabilities: Array
    matrix: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        count = self.probabilities.shape[1]
        self.classes = self.classes or [str(index) for index in range(count)]
        if len(self.classes) != count:
            raise TrainingError(
                f"the card names {len(self.classes)} classes, but the net has {count} outputs. Take the net's own card."
            )
        actual = self.labels.astype(int)
        if actual.min() < 0 or actual.max() >= count:
            raise TrainingError(
                f"the LMDB has labels from {actual.min()} to {actual.max()}; the net knows 0 to {count - 1}."
            )
        self.matrix = np.zeros((count, count), int)
        np.add.at(self.matrix, (actual, self.probabilities.argmax(1)), 1)

    @property
    def total(self) -> int:
        """Number of pictures."""
        return int(self.matrix.sum())

    @property
    def correct(self) -> int:
        """Pictures whose most probable class is theirs."""
        return int(self.matrix.trace())

    @property
    def one_off(self) -> int | None:
        """Pictures whose class or a neighbour of it is the most probable; None where classes have no order (not ages)."""
        if self.task != "age":
            return None
        return int(sum(np.trace(self.matrix, offset) for offset in (-1, 0, 1)))

    @property
    def majority(self) -> int:
        """What always answering the commonest class would get right."""
        return int(self.matrix.sum(1).max())

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        supports = self.matrix.sum(1)
        result: dict[str, Any] = {
            "task": self.task,
            "pictures": self.total,
            "correct": self.correct,
            "accuracy": self.correct / self.total,
            "standard_error": self._standard_error(),
            "majority_baseline": self.majority / self.total,
        }
        if self.one_off is not None:
            result["one_off_accuracy"] = self.one_off / self.total
        recall = [self.matrix[i, i] / n if n else None for i, n in enumerate(supports)]
        result["classes"] = [
            {"name": name, "pictures": int(n), "recall": r}
            for name, n, r in zip(self.classes, supports, recall, strict=True)
        ]
        known = [r for r in recall if r is not None]
        result["mean_recall"] = float(np.mean(known))
        result["confusion_matrix"] = self.matrix.tolist()
        return result

    def text(self) -> str:
        """The same for a terminal."""
        lines = [
            f"accuracy {self.correct / self.total:.1%}, {self.correct}/{self.total} corrects "
            f"(standard error {100 * self._standard_error():.1f} points)"
        ]
        if self.one_off is not None:
            lines.append(f"1-off accuracy {self.one_off / self.total:.1%}, {self.one_off}/{self.total}")
        lines.append(f"always the commonest class: {self.majority / self.total:.1%}")
        width = 1 + max(len(name) for name in (*self.classes, "recall"))
        lines.append("rows: actual, columns: predicted")
        lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*self.classes, "recall")))
        for index, (name, row) in enumerate(zip(self.classes, self.matrix, strict=True)):
            recall = f"{row[index] / row.sum():.0%}" if row.sum() else "-"
            lines.append(f"{name:>{width}}" + "".join(f"{n:{width}d}" for n in row) + f"{recall:>{width}}")
        return "\n".join(lines)

    def _standard_error(self) -> float:
        share = self.correct / self.total
        return float(np.sqrt(share * (1 - share) / self.total))


def plot_confusion(scores: Scores, path: Path, title: str) -> None:
    """Draw the confusion matrix into a PNG: counts in the cells, shade by share of the actual class."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    count = len(scores.classes)
    shares = scores.matrix / np.maximum(scores.matrix.sum(1, keepdims=True), 1)
    side = max(4.0, 0.7 * count + 1.5)
    figure, axes = pyplot.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(scores.matrix):
        axes.text(
            column, row, str(number), ha="center", va="center", color="white" if shares[row, column] > 0.5 else "black"
        )
    axes.set_xticks(range(count), scores.classes, rotation=45, ha="right")
    axes.set_yticks(range(count), scores.classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"{title}: {scores.correct / scores.total:.1%} of {scores.total}")
    with atomic_file(path, force=True) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    pyplot.close(figure)
