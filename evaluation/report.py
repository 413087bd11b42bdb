"""Verb report: the figures of a run as one HTML page, from the predictions that evaluate saved."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import UsageError
from common.files import atomic_file, refuse_existing

EXAMPLE = "./moka report models/AgeNet/AgeNet_iter_3000_test_torch_predictions.npz --out report.html"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS",
        nargs="+",
        help="*_predictions.npz that evaluate wrote: one for each task of a net",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="HTML file to write")
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FILE",
        help="JSON list of published figures to show beside ours: task, figure, value, source",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing --out")


def main(options: argparse.Namespace) -> None:
    """Print the figures and write the page."""
    refuse_existing(options.out, options.force)

    from .evaluate import make_report
    from .page.extras import gather
    from .page.page import page
    from .predictions import read_predictions

    files: list[Path] = options.predictions
    runs = [read_predictions(file) for file in files]
    for file, run in zip(files, runs, strict=True):
        if (run.weights, run.lmdb) != (runs[0].weights, runs[0].lmdb):
            raise UsageError(
                f"{file}: is of {run.weights} on {run.lmdb}; the others are of {runs[0].weights} on {runs[0].lmdb}."
            )
    report = make_report(runs, files)
    text = page(report, runs, gather(report, runs, options.published))
    with atomic_file(options.out, options.force) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"written: {options.out}")
