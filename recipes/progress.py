"""Draws how good trainings were after how many minutes: each snapshot is measured on the test part.

    python -m recipes.progress --run utkface_out:FaceRes --run demo_out:AgeNet --out progress.png

A run is a working folder and a net in it. Minutes are those of the training's own log, its tests included. A net that settled
after its training (settle_solver) is the last point. The line is the published figure of recipes/published/utkface.json.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import csv
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.commands import Parser, run
from common.errors import MokaError, UsageError
from common.files import atomic_file
from common.places import ROOT

PUBLISHED = ROOT / "recipes/published/utkface.json"
TASKS = ("age by decade", "age")
"""Names of the nine age classes in a report: of a net that answers in years, and of one that answers in classes."""


@dataclass(frozen=True)
class Point:
    """A snapshot: its iteration, the minutes of training until then, and its accuracies (0 to 1)."""

    iteration: int
    minutes: float
    accuracy: float
    one_off: float


def minutes_at(log: Path) -> dict[int, float]:
    """Return iteration -> minutes since the training began, of a training's CSV."""
    try:
        with log.open(newline="") as file:
            return {int(row["iteration"]): float(row["seconds"]) / 60 for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise MokaError(f"{log}: cannot be read as the log of a training ({error}).") from error


def snapshots(models: Path, name: str) -> dict[int, Path]:
    """Return iteration -> caffemodel of models/NAME_iter_N.caffemodel, in order."""
    found = {}
    for path in models.glob(f"{name}_iter_*.caffemodel"):
        if match := re.fullmatch(rf"{re.escape(name)}_iter_(\d+)\.caffemodel", path.name):
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def settled_in(models: Path, name: str, iterations: int) -> float:
    """Return the minutes in which a net settled. Its log ends before the last iteration, so they are those of its pace."""
    minutes = minutes_at(models / f"{name}_log.csv")
    last = max(minutes, default=0)
    return minutes[last] * iterations / last if last else 0.0


def points(home: Path, net: str) -> list[Point]:
    """Measure each snapshot of a net whose working folder is `home`. Raises MokaError if there is none."""
    models = home / "models" / net
    found = snapshots(models, net)
    if not found:
        raise MokaError(f"{models}: holds no snapshot {net}_iter_N.caffemodel. Train the net there first.")
    log = models / f"{net}_log.csv"
    minutes = minutes_at(log)
    stages = []
    for iteration, path in found.items():
        if iteration not in minutes:
            raise MokaError(f"{log}: has no row of iteration {iteration}, of which there is a snapshot.")
        stages.append((iteration, minutes[iteration], path))
    last, time, trained = stages[-1]
    for iteration, path in list(snapshots(models, f"{net}_settled").items())[-1:]:
        # Otherwise it settled after an earlier training.
        if path.stat().st_mtime >= trained.stat().st_mtime:
            stages.append((last + iteration, time + settled_in(models, f"{net}_settled", iteration), path))
    return [Point(iteration, time, *measured(home, net, path)) for iteration, time, path in stages]


def measured(home: Path, net: str, weights: Path) -> tuple[float, float]:
    """Return accuracy and 1-off accuracy of a caffemodel, from its report or, if there is none of now, by `evaluate`."""
    report = weights.with_name(f"{weights.stem}_test_torch_mirror.json")
    if not report.exists() or report.stat().st_mtime < weights.stat().st_mtime:
        command = [str(ROOT / "moka"), "evaluate", "--net", net, "--weights", f"models/{net}/{weights.name}"]
        done = subprocess.run([*command, "--looks", "mirror"], cwd=home, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise MokaError(f"{weights}: could not be measured; the message above says why.")
    tasks = json.loads(report.read_text(encoding="utf-8"))["tasks"]
    name = next((name for name in TASKS if name in tasks), None)
    if name is None:
        raise MokaError(f"{report}: has no figures of age classes.")
    return tasks[name]["accuracy"], tasks[name]["one_off_accuracy"]


def draw(runs: dict[str, list[Point]], published: float, out: Path) -> None:
    """Draw accuracy over minutes, a line a run, as SVG or PNG by the name's ending."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, measured in runs.items():
        panel.plot(
            [point.minutes for point in measured], [100 * point.accuracy for point in measured], marker="o", label=name
        )
    panel.axhline(100 * published, color="grey", linestyle="--", label=f"published for AgeNet, {100 * published:.1f} %")
    panel.set_xlabel("minutes of training")
    panel.set_ylabel("age class right, %")
    panel.set_xlim(left=0)
    panel.grid(alpha=0.3)
    panel.legend(loc="lower right")
    with atomic_file(out, force=True) as temporary:
        figure.savefig(temporary, format=out.suffix[1:], dpi=120)
    pyplot.close(figure)


def main(argv: Sequence[str]) -> None:
    """Measure the runs, print a table, draw the picture."""
    example = "python -m recipes.progress --run utkface_out:FaceRes --out progress.png"
    parser = Parser("python -m recipes.progress", example, "draw accuracy over minutes of training")
    parser.add_argument(
        "--run",
        action="append",
        required=True,
        metavar="DIR:NET",
        help="working folder and net; more than one may be given",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".svg or .png; it is replaced")
    options = parser.parse_args(argv)
    if options.out.suffix not in (".svg", ".png"):
        raise UsageError(f"--out {options.out}: expected a name that ends in .svg or .png.")
    runs = {}
    nets = [word.rpartition(":")[2] for word in options.run]
    for word in options.run:
        home, colon, net = word.rpartition(":")
        if not colon or not home or not net:
            raise UsageError(f"--run {word}: expected a folder and a net, as in utkface_out:FaceRes.")
        label = net if nets.count(net) == 1 else f"{net} in {Path(home).name}"
        runs[label] = points(Path(home), net)
        for point in runs[label]:
            sys.stdout.write(
                f"{label}  iteration {point.iteration}  {point.minutes:.1f} min  "
                f"{100 * point.accuracy:.1f} %  1-off {100 * point.one_off:.1f} %\n"
            )
    published = next(
        each["value"]
        for each in json.loads(PUBLISHED.read_text(encoding="utf-8"))
        if each["task"] == "age by decade" and each["figure"] == "accuracy"
    )
    draw(runs, published, options.out)


if __name__ == "__main__":
    run(main)
