"""The curves of a training run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.drawing.plot import plot_log
from training.solvers.record import Record


def drawn(folder: Path, lines: list[str]) -> np.ndarray:
    """Draw the curves of a log; return the picture."""
    record = Record(str(folder / "net"))
    for line in lines:
        record.parse(line)
    record.close()
    plot_log(folder / "net_log.csv", folder / "net_curves.png", "net: loss and accuracy")
    picture = cv2.imread(str(folder / "net_curves.png"))
    assert picture is not None
    return picture


def coloured(picture: np.ndarray) -> np.ndarray:
    """Return where a curve is, because axes, text and grid are grey."""
    values = picture.astype(int)
    return (values.max(2) - values.min(2)) > 60


def test_loss_above_accuracy_below(tmp_path: Path) -> None:
    lines = []
    for i in range(0, 50, 10):
        lines += [f"Iteration {i}, loss", f"    Train net output #0: loss = {2 - i / 40}", f"Iteration {i}, lr = 0.1"]
    picture = coloured(drawn(tmp_path, lines))
    middle = len(picture) // 2
    assert picture[:middle].any()
    assert not picture[middle:].any()
    both = coloured(
        drawn(tmp_path, [*lines, "Iteration 40, Testing net (#0)", "    Test net output #0: accuracy = 0.5"])
    )
    assert both[middle:].any()


@pytest.mark.parametrize("lines", [[], ["Iteration 0, loss", "    Train net output #0: loss = nan"]])
def test_nothing_to_draw_is_no_error(tmp_path: Path, lines: list[str]) -> None:
    assert drawn(tmp_path, lines).shape[2] == 3


def test_the_legend_hides_no_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that rises at the end, and an accuracy that falls: curves in every corner."""
    from matplotlib.figure import Figure

    figures: list[Figure] = []
    save = Figure.savefig

    def remember(figure: Figure, *words: object, **options: object) -> None:
        save(figure, *words, **options)  # type: ignore[arg-type]
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", remember)
    lines = []
    for i, value in ((0, 3.0), (10, 0.1), (20, 3.0)):
        lines += [f"Iteration {i}, loss", f"    Train net output #0: loss = {value}", f"Iteration {i}, lr = 0.1"]
        lines += [f"Iteration {i}, Testing net (#0)", f"    Test net output #0: accuracy = {value / 3}"]
    drawn(tmp_path, lines)
    (figure,) = figures
    for panel in figure.axes:
        legend = panel.get_legend()
        assert legend is not None
        box = legend.get_window_extent()
        assert not box.overlaps(panel.get_window_extent())
        assert box.x1 <= figure.bbox.x1, "the legend is cut off"
