"""Side by side with the originals: how long the same work takes here and there. Writes BENCHMARKS.md.

    python -m tools.bench [WORK ...] [--rounds 3]

Each work runs in turn, ours, theirs, ours, theirs, as whole processes; the table gives medians, the spread, and the ratio.
It needs the tool chain, an otherwise idle machine, some 4 GB of disk, and half an hour for all works.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from caffe_io.commands import run
from caffe_io.errors import MokaError, UsageError
from caffe_io.files import whole_file

ROOT = Path(__file__).resolve().parents[1]
CAFFE = ROOT / ".toolchain/caffe/bin"
MO = ROOT / ".toolchain/movidius/bin/mo"


@dataclass(frozen=True)
class Run:
    """One whole process: `seconds` of the wall clock, peak `memory` in MB, everything it printed."""

    seconds: float
    memory: float
    text: str


@dataclass
class Row:
    """A line of the table. `value` reads the figure from a run (default: its seconds); larger `better` or smaller."""

    work: str
    unit: str
    wanted: str
    ours: Sequence[str]
    theirs: Sequence[str] | None
    value: Callable[[Run], float] = lambda run: run.seconds
    larger_is_better: bool = False
    results: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)


def process(command: Sequence[str], folder: Path) -> Run:
    """Run a command in `folder`. Raises MokaError with its last lines if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOG_logtostderr": "1"}
    with tempfile.TemporaryFile("w+") as output:
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise MokaError(f"{' '.join(map(str, command))}: ended with {child.returncode}:\n{text[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024, text)


def prepare(folder: Path) -> None:
    """Faces, a list of 5,000, databases of 2,000 and 10,000 records, a mean, and AgeNet's files, all in `folder`."""
    python = sys.executable
    process([python, "-m", "tools.sample_faces", "--out", "faces", "--count", "500"], folder)
    names = sorted(path.name for path in (folder / "faces").iterdir())
    for count in (500, 5_000, 10_000):
        lines = [
            f"faces/{names[i % len(names)]} {min(int(names[i % len(names)].split('_')[0]) // 10, 8)}"
            for i in range(count)
        ]
        (folder / f"{count}.txt").write_text("\n".join(lines) + "\n")
    for count, database in (
        (500, "data/lmdb/age_train_lmdb"),
        (500, "data/lmdb/age_test_lmdb"),
        (10_000, "large_lmdb"),
    ):
        resize = ["--resize_height=227", "--resize_width=227"]
        process([python, "-m", "lmdb_build", "convert_imageset", *resize, "./", f"{count}.txt", database], folder)
    mean = ["data/lmdb/age_train_lmdb", "data/mean/mean.binaryproto"]
    process([python, "-m", "lmdb_build", "compute_image_mean", *mean], folder)
    (folder / "prototxt").mkdir()
    for path in (ROOT / "prototxt").iterdir():
        (folder / "prototxt" / path.name).write_bytes(path.read_bytes())
    solver = (ROOT / "prototxt/AgeNet_solver.prototxt").read_text()
    for name, text in {"max_iter": "16", "display": "5", "snapshot": "0", "test_interval": "0"}.items():
        solver = re.sub(rf"(?m)^{name}:.*$", f"{name}: {text}", solver)
    solver = re.sub(r"(?m)^test_iter:.*$", "", solver) + "snapshot_after_train: false\n"
    (folder / "solver.prototxt").write_text(solver)
    once = solver.replace("max_iter: 16", "max_iter: 1").replace("after_train: false", "after_train: true")
    (folder / "once.prototxt").write_text(once)
    process([python, "-m", "training", "train", "--solver", "once.prototxt"], folder)


def images_per_second(batch: int) -> Callable[[Run], float]:
    """From the last interval of a training log, in Caffe's format."""
    return lambda run: batch * float(re.findall(r"Iteration \d+ \(([\d.eE+-]+) iter/s", run.text)[-1])


def number(pattern: str) -> Callable[[Run], float]:
    """The last number that `pattern` finds in what was printed."""
    return lambda run: float(re.findall(pattern, run.text)[-1])


def rows() -> dict[str, Row]:
    """The works by name."""
    python = [sys.executable, "-m"]
    caffe, weights = str(CAFFE / "caffe"), "models/AgeNet/AgeNet_iter_1.caffemodel"
    resize = ["--resize_height=227", "--resize_width=227"]
    net = "prototxt/AgeNet_train_test.prototxt"
    train, theirs = (
        [*python, "training", "train", "--solver", "solver.prototxt"],
        [caffe, "train", "--solver=solver.prototxt"],
    )
    one = ["prototxt/AgeNet_deploy.prototxt", weights]
    return {
        "train": Row("training AgeNet, batch 50, fp32", "images/s", "2.2", train, theirs, images_per_second(50), True),
        "bf16": Row(
            "the same, ours in bf16", "images/s", "3.5", [*train, "--precision", "bf16"], theirs, images_per_second(50), True
        ),
        "test": Row(
            "test pass over 500 records, start-up included", "s", "3",
            [*python, "training", "evaluate", "--model", net, "--weights", weights, "--card", "prototxt/AgeNet.json"],
            [caffe, "test", f"-model={net}", f"-weights={weights}", "-iterations=10"],
        ),
        "lmdb": Row(
            "LMDB from 5,000 JPEG files", "s", "1.8",
            [*python, "lmdb_build", "convert_imageset", "--force", *resize, "./", "5000.txt", "ours_lmdb"],
            ["sh", "-c", f"rm -rf theirs_lmdb; exec {CAFFE}/convert_imageset {' '.join(resize)} ./ 5000.txt theirs_lmdb"],
        ),
        "mean": Row(
            "mean of 10,000 records", "s", "2",
            [*python, "lmdb_build", "compute_image_mean", "--force", "large_lmdb", "ours.binaryproto"],
            [f"{CAFFE}/compute_image_mean", "large_lmdb", "theirs.binaryproto"],
        ),
        "image": Row(
            "one image through AgeNet on the CPU, f32", "ms", "3",
            [*python, "tools.bench_image_worker", *one], [f"{CAFFE}/python", str(ROOT / "tools/bench_image_worker.py"), *one],
            number(r"([\d.]+) ms"),
        ),
        "ir": Row(
            "caffemodel to IR, start-up included", "s", "5",
            [*python, "tools.bench_ir_worker", *one],
            [str(MO), "--framework", "caffe", "--input_proto", one[0], "--input_model", weights,
             "--data_type", "FP16", "--output_dir", "mo"],
        ),
        "help": Row("python -m training --help", "s", "under 0.4 s", [*python, "training", "--help"], None),
    }  # fmt: skip


def measure(row: Row, rounds: int, folder: Path) -> None:
    """Run both sides in turn, `rounds` times after one that does not count."""
    for turn in range(rounds + 1):
        for side, command in (("ours", row.ours), ("theirs", row.theirs)):
            if command:
                result = process(command, folder)
                if turn:
                    row.results.setdefault(side, []).append(row.value(result))
                    row.memory[side] = max(row.memory.get(side, 0), result.memory)


def as_line(row: Row) -> str:
    """The row in Markdown."""
    cells = [row.work]
    for side in ("ours", "theirs"):
        values = row.results.get(side)
        cells.append(
            f"{statistics.median(values):.3g} {row.unit} ({min(values):.3g} to {max(values):.3g})" if values else ""
        )
    if "theirs" in row.results:
        ours, theirs = (statistics.median(row.results[side]) for side in ("ours", "theirs"))
        cells.append(f"{(ours / theirs if row.larger_is_better else theirs / ours):.2f}")
    else:
        cells.append("")
    cells.append(row.wanted)
    cells.append(" / ".join(f"{row.memory[side]:.0f}" for side in ("ours", "theirs") if side in row.memory))
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str]) -> None:
    """Measure the works named on the command line (default: all) and write the table."""
    table = rows()
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"one of {', '.join(table)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(argv)
    unknown = set(options.works) - set(table)
    if unknown:
        raise UsageError(f"unknown work {', '.join(unknown)}; there are {', '.join(table)}.")
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name in options.works or table:
            measure(table[name], options.rounds, Path(folder))
            lines.append(as_line(table[name]))
            print(lines[-1], flush=True)
    if not options.works:
        write(lines, options.rounds)


def write(lines: list[str], rounds: int) -> None:
    """BENCHMARKS.md, with the machine."""
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    text = f"""# Benchmarks

Written by `python -m tools.bench` on {time.strftime("%Y-%m-%d")}: {model}, {os.cpu_count()} cores,
{platform.system()} {platform.machine()}, Python {platform.python_version()}. "Theirs" is Caffe 1.0 of Debian 11 with OpenBLAS,
or Model Optimizer 2021.4.2, from the tool chain. Medians of {rounds} rounds in turn (least to most); the ratio says how many
times faster ours is; memory is the peak of one process in MB, ours / theirs.

| work | ours | theirs | ratio | wanted | memory |
|---|---|---|---|---|---|
"""
    with whole_file(ROOT / "BENCHMARKS.md", force=True) as temporary:
        temporary.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
