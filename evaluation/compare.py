"""Verb compare: the figures of several runs side by side, and whether their differences can be chance."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UsageError
from common.files import atomic_file, refuse_existing

if TYPE_CHECKING:
    from .figures.differences import Difference

EXAMPLE = (
    "./moka compare models/AgeNet/AgeNet_iter_3000_test_torch_predictions.npz "
    "models/AgeNet/AgeNet_iter_3000_test_openvino_predictions.npz"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS",
        nargs="+",
        help="*_predictions.npz that evaluate wrote, two or more; each is compared with the first",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the comparison as JSON")
    parser.add_argument("--force", action="store_true", help="replace an existing --out")


def main(options: argparse.Namespace) -> None:
    """Print the figures side by side and a sentence for each comparison."""
    files: list[Path] = options.predictions
    if len(files) < 2:
        raise UsageError(f"compare: {files[0]} is one run. Give two or more.")
    if options.out:
        refuse_existing(options.out, options.force)

    from .figures.differences import aligned, difference
    from .figures.metrics import figures, scalars
    from .predictions import read_predictions

    runs = aligned([read_predictions(file) for file in files], files)
    found = [figures(run) for run in runs]
    differences = [difference(runs[0], run, len(runs) - 1) for run in runs[1:]]
    print(f"task {runs[0].task}, {len(runs[0].keys)} records of {runs[0].lmdb}")
    print(side_by_side(found))
    for number, file in enumerate(files):
        print(f"{_letter(number)}: {runs[number].weights}, computed by {runs[number].engine} ({file})")
    for number, each in enumerate(differences, 1):
        print("\n" + in_words(each, _letter(number), len(differences)))
    if options.out:
        report = {
            "task": runs[0].task,
            "records": len(runs[0].keys),
            "runs": [
                {"predictions": str(file), "weights": run.weights, "engine": run.engine, **scalars(each)}
                for file, run, each in zip(files, runs, found, strict=True)
            ],
            "differences": [dataclasses.asdict(each) for each in differences],
        }
        with atomic_file(options.out, options.force) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n")
        print(f"\nwritten: {options.out}")


def side_by_side(found: Sequence[dict[str, Any]]) -> str:
    """Return a table with a line for each figure and a column for each run."""
    from .figures.metrics import scalars

    numbers = [scalars(each) for each in found]
    width = max(map(len, numbers[0]))
    lines = [" " * width + "".join(f"{_letter(number):>12}" for number in range(len(found)))]
    for name in numbers[0]:
        cells = (each.get(name) for each in numbers)
        texts = ("-" if cell is None else f"{cell:d}" if isinstance(cell, int) else f"{cell:.4f}" for cell in cells)
        lines.append(f"{name:{width}}" + "".join(f"{text:>12}" for text in texts))
    return "\n".join(lines)


def in_words(difference: Difference, name: str, comparisons: int = 1) -> str:
    """Say how run `name` differs from run A, by which test, and whether that can be chance."""
    accuracy = difference.figure == "accuracy"
    gap = difference.other - difference.first
    form, unit, factor = ("+.1f", " points", 100) if accuracy else ("+.2f", "", 1)
    what = "accuracy" if accuracy else "mean absolute error"
    level = f"{100 - 5 / comparisons:.3g} %"
    over = "people" if difference.by_people else "pictures"
    if difference.low is None or difference.high is None:
        interval = "no interval, because all records are of one person or one picture"
    else:
        low, high = factor * difference.low, factor * difference.high
        interval = f"{level} interval {low:{form}} to {high:{form}}, paired bootstrap over {over}"
    lines = [f"{name} against A: {what} {factor * gap:{form}}{unit} ({interval})."]
    if accuracy:
        lines.append(
            f"A alone is right on {difference.only_first} records, {name} alone on {difference.only_other}: "
            f"McNemar's exact test gives p = {difference.p_value:.2g}."
        )
    better = name if (gap > 0) == accuracy else "A"
    if gap == 0:
        lines.append("There is no difference.")
    elif difference.chance:
        lines.append("The difference can be chance.")
    else:
        lines.append(f"The difference is hardly chance: {better} is better on records like these.")
    return "\n".join(lines)


def _letter(number: int) -> str:
    """Name the run: A to Z, then by its number."""
    return chr(ord("A") + number) if number < 26 else f"run {number + 1}"
