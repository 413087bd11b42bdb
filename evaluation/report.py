"""Verb report: the figures of a run as one HTML page, from the predictions that evaluate saved."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.files import refuse_existing

from .run_report import add_published_option, make_report, write_page

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
    add_published_option(parser)
    parser.add_argument("--force", action="store_true", help="replace an existing --out")


def main(options: argparse.Namespace) -> None:
    """Print the figures and write the page."""
    refuse_existing(options.out, options.force)

    from .figures.published import read_published
    from .predictions import read_run

    published = read_published(options.published) if options.published else None
    runs = read_run(options.predictions)
    report = make_report(runs, options.predictions, published)
    write_page(report, runs, options.out, options.force)
    print(f"written: {options.out}")
