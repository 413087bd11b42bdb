"""The figures of a task. A new one is a function and a line in METRICS, or in RECORD_METRICS if it is a mean over records.

Each function's docstring is its definition. It returns a value that JSON can hold, or None if the figure means nothing for the
task: classes have accuracies, bins have errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tasks import TASKS

from ..predictions import Predictions

Metric = Callable[[Predictions], Any]
Values = NDArray[np.float64]
RecordMetric = Callable[[Predictions], "Values | None"]

CALIBRATION_BINS = 10


def pictures(predictions: Predictions) -> int:
    """Number of records that count."""
    return len(predictions.labels)


def correct(predictions: Predictions) -> int | None:
    """Number of records whose most probable class is the actual one."""
    return None if predictions.bins else int(predictions.confusion.trace())


def is_correct(predictions: Predictions) -> Values | None:
    """Share of records whose most probable class is the actual one."""
    if predictions.bins:
        return None
    found: Values = (predictions.probabilities.argmax(1) == predictions.labels).astype(float)
    return found


def is_one_off(predictions: Predictions) -> Values | None:
    """Share of records whose most probable class is the actual one or its neighbour, for ordered classes."""
    task = TASKS.get(predictions.task)
    if predictions.bins or task is None or not task.ordered:
        return None
    found: Values = (abs(predictions.probabilities.argmax(1) - predictions.labels) <= 1).astype(float)
    return found


def _in_top(k: int) -> RecordMetric:
    def in_top(predictions: Predictions) -> Values | None:
        """Share of records whose actual class is among the K most probable, for more than K classes."""
        if predictions.bins or len(predictions.classes) <= k:
            return None
        # A stable sort puts the first of equals first, as argmax does.
        best = np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, :k]
        found: Values = (best == predictions.labels[:, None]).any(1).astype(float)
        return found

    return in_top


def absolute_error(predictions: Predictions) -> Values | None:
    """Mean absolute error (MAE) of the number that the bins are read as: their mean, weighted by the probabilities, or median."""
    return abs(predictions.numbers - predictions.labels) if predictions.bins else None


def argmax_error(predictions: Predictions) -> Values | None:
    """Mean absolute error of the most probable bin."""
    if not predictions.bins:
        return None
    found: Values = abs(np.array(predictions.bins)[predictions.probabilities.argmax(1)] - predictions.labels)
    return found


def within(error: Values, most: float) -> Values:
    """Return 1 for each error of at most `most`, else 0."""
    # Sums of float32 probabilities are not exact.
    found: Values = (error <= most + 1e-6).astype(float)
    return found


def _within(most: float) -> RecordMetric:
    def is_within(predictions: Predictions) -> Values | None:
        """Cumulative score: share of records whose number is off by at most N."""
        error = absolute_error(predictions)
        return None if error is None else within(error, most)

    return is_within


RECORD_METRICS: dict[str, RecordMetric] = {
    "accuracy": is_correct,
    "one_off_accuracy": is_one_off,
    "top_2_accuracy": _in_top(2),
    "top_3_accuracy": _in_top(3),
    "mae": absolute_error,
    "mae_of_argmax": argmax_error,
    "cs_3": _within(3),
    "cs_5": _within(5),
    "cs_10": _within(10),
}
"""Figures that are the mean of a number for each record, so they have intervals (intervals.py) and can be compared."""


def _mean_of(metric: RecordMetric) -> Metric:
    def mean(predictions: Predictions) -> float | None:
        values = metric(predictions)
        return None if values is None else float(values.mean())

    mean.__doc__ = metric.__doc__
    return mean


def standard_error(predictions: Predictions) -> float | None:
    """Standard error of the accuracy, as of a share in a random sample of this size."""
    values = is_correct(predictions)
    if values is None:
        return None
    share = float(values.mean())
    return float(np.sqrt(share * (1 - share) / len(values)))


def majority_baseline(predictions: Predictions) -> float | None:
    """Accuracy of always answering the most frequent class."""
    return None if predictions.bins else int(predictions.confusion.sum(1).max()) / pictures(predictions)


def median_error(predictions: Predictions) -> float | None:
    """Median of the absolute error of the number that the bins are read as."""
    error = absolute_error(predictions)
    return None if error is None else float(np.median(error))


def baseline_mae(predictions: Predictions) -> float | None:
    """Mean absolute error of always answering the median label."""
    return float(abs(predictions.labels - np.median(predictions.labels)).mean()) if predictions.bins else None


def recalls(predictions: Predictions) -> list[float | None]:
    """For each class, the share of its records that are correct; None for a class without records."""
    counts = predictions.confusion.sum(1)
    return [float(predictions.confusion[i, i] / n) if n else None for i, n in enumerate(counts)]


def classes(predictions: Predictions) -> list[dict[str, Any]] | None:
    """The classes with their number of records and their recall."""
    if predictions.bins:
        return None
    counts = predictions.confusion.sum(1)
    return [
        {"name": name, "pictures": int(count), "recall": recall}
        for name, count, recall in zip(predictions.classes, counts, recalls(predictions), strict=True)
    ]


def mean_recall(predictions: Predictions) -> float | None:
    """Mean recall of the classes that have records, which is also called balanced accuracy."""
    if predictions.bins:
        return None
    return float(np.mean([recall for recall in recalls(predictions) if recall is not None]))


def macro_f1(predictions: Predictions) -> float | None:
    """Mean of the classes' F1, the harmonic mean of precision and recall, over the classes that have records."""
    from sklearn.metrics import f1_score

    if predictions.bins:
        return None
    labels, answers = predictions.labels, predictions.probabilities.argmax(1)
    return float(f1_score(labels, answers, labels=np.unique(labels), average="macro", zero_division=0))


def auc(predictions: Predictions) -> float | None:
    """Area under the ROC curve of the second of two classes, if both have records."""
    from sklearn.metrics import roc_auc_score

    if not _has_both_classes(predictions):
        return None
    return float(roc_auc_score(predictions.labels, predictions.probabilities[:, 1]))


def _has_both_classes(predictions: Predictions) -> bool:
    """Whether there are two classes, and records of both."""
    return not predictions.bins and len(predictions.classes) == 2 and len(np.unique(predictions.labels)) == 2


def roc(predictions: Predictions) -> list[list[float]] | None:
    """Points of the ROC curve of the second of two classes: false positive rate, true positive rate."""
    from sklearn.metrics import roc_curve

    if not _has_both_classes(predictions):
        return None
    false_positives, true_positives, _ = roc_curve(predictions.labels, predictions.probabilities[:, 1])
    return [[round(float(x), 5), round(float(y), 5)] for x, y in zip(false_positives, true_positives, strict=True)]


def reliability(predictions: Predictions) -> list[dict[str, float]] | None:
    """Records by the probability of their most probable class, in ten equal parts from 0 to 1: count, mean, accuracy."""
    right = is_correct(predictions)
    if right is None:
        return None
    sure = predictions.probabilities.max(1).astype(np.float64)
    part = np.minimum((sure * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        {
            "pictures": int((part == i).sum()),
            "probability": float(sure[part == i].mean()),
            "accuracy": float(right[part == i].mean()),
        }
        for i in range(CALIBRATION_BINS)
        if (part == i).any()
    ]


def calibration_error(predictions: Predictions) -> float | None:
    """Expected calibration error (ECE): the mean over records of |probability - accuracy| of their part of ten."""
    parts = reliability(predictions)
    if parts is None:
        return None
    gaps = sum(each["pictures"] * abs(each["probability"] - each["accuracy"]) for each in parts)
    return float(gaps / pictures(predictions))


def confusion_matrix(predictions: Predictions) -> list[list[int]] | None:
    """Counts, a row for each actual class, a column for each predicted one."""
    if predictions.bins:
        return None
    matrix: list[list[int]] = predictions.confusion.tolist()
    return matrix


METRICS: dict[str, Metric] = {
    "pictures": pictures,
    "correct": correct,
    **{name: _mean_of(metric) for name, metric in RECORD_METRICS.items()},
    "standard_error": standard_error,
    "majority_baseline": majority_baseline,
    "median_error": median_error,
    "baseline_mae": baseline_mae,
    "classes": classes,
    "mean_recall": mean_recall,
    "macro_f1": macro_f1,
    "auc": auc,
    "roc": roc,
    "calibration_error": calibration_error,
    "reliability": reliability,
    "confusion_matrix": confusion_matrix,
}
"""The figures of a task, in the order of a report."""


def figures(predictions: Predictions) -> dict[str, Any]:
    """Return the task and every figure that means something for it, for a JSON file."""
    result: dict[str, Any] = {"task": predictions.task}
    for name, metric in METRICS.items():
        value = metric(predictions)
        if value is not None:
            result[name] = value
    return result


def scalars(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures that are one number."""
    return {
        name: value for name, value in found.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
