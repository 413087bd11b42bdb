"""The curves of a training run: losses above, accuracies below, by iteration."""

from __future__ import annotations

import io
from pathlib import Path

from common.files import atomic_file

from ..solvers.record import read_curves


def plot_log(csv_path: Path, png_path: Path, title: str) -> None:
    """Draw the numbers of a log CSV as a PNG. An earlier one is replaced."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), layout="constrained")
    for (phase, name), points in sorted(read_curves(csv_path).items()):
        panel = panels[0] if "loss" in name.lower() else panels[1]
        panel.plot(
            *zip(*points, strict=True), label=f"{name} ({phase})", marker="o" if phase == "test" else "", markersize=3
        )
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        panel.set_ylabel(quantity)
        panel.grid(alpha=0.3)
        if panel.lines:
            # Beside the panel, where it hides no point.
            panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    panels[0].set_title(title)
    panels[1].set_xlabel("iteration")
    # In memory first: where there is too little, a library of matplotlib's may end the process and leave half a file.
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    pyplot.close(figure)
    with atomic_file(png_path, force=True) as temporary:
        temporary.write_bytes(picture.getvalue())
