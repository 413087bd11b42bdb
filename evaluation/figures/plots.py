"""Plots of a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.files import atomic_file

from ..predictions import Predictions
from .metrics import pictures


def plot_confusion(predictions: Predictions, path: Path, title: str) -> None:
    """Write the confusion matrix as a PNG: counts as numbers, and as shade their share of the actual class."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(predictions.classes)
    shares = predictions.confusion / np.maximum(predictions.confusion.sum(1, keepdims=True), 1)
    side = max(4.0, 0.7 * len(names) + 1.5)
    figure, axes = pyplot.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(predictions.confusion):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"{title}: {predictions.confusion.trace() / pictures(predictions):.1%} of {pictures(predictions)}")
    with atomic_file(path, force=True) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    pyplot.close(figure)
