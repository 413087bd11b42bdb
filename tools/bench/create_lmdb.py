"""Measures create_lmdb on more and more made-up pictures: time and memory should grow as they should, linearly and not at all.

    python -m tools.bench.create_lmdb [--counts 5000 10000 25000 50000] [--size 64] [--folder DIR]

The pictures are small JPEG files that all differ. Each database is written by a process of its own, which this one watches.
Private memory is what the process keeps for itself. The pages of the database that it maps belong to the system's cache;
they are not counted.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.commands import Parser, run
from common.errors import MokaError
from common.places import ROOT

WATCH_EVERY = 0.02
"""Seconds."""
TASKS = ("smile", "gender", "years")


@dataclass(frozen=True)
class Figures:
    """What one run took. Memory in MB is private, at its peak; `disk` in MB is that of both databases."""

    pictures: int
    seconds: float
    memory: float
    disk: float


def write_pictures(folder: Path, count: int) -> None:
    """Write `count` JPEG files of 80x80 soft noise, and the table of their labels, of which a third is absent."""
    import cv2

    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    lines = ["picture,person," + ",".join(TASKS)]
    for index in range(count):
        name = f"pictures/{index:06d}.jpg"
        noise = cv2.resize(random.integers(0, 256, (10, 10, 3), np.uint8), (80, 80), interpolation=cv2.INTER_CUBIC)
        if not cv2.imwrite(str(folder / name), noise):
            raise MokaError(f"{folder / name}: cannot be written. Free some space, or give --folder on another disk.")
        labels = ["" if (index + task) % 3 == 0 else str(index % (2, 2, 101)[task]) for task in range(len(TASKS))]
        lines.append(f"{name},person{index // 10},{','.join(labels)}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def measure(folder: Path, count: int, size: int) -> Figures:
    """Write both databases of the first `count` pictures, and remove them. Raises MokaError if the command fails."""
    with (folder / "table.csv").open() as table:
        (folder / "part.csv").write_text("".join(next(table) for _ in range(count + 1)))
    command = [
        *(sys.executable, "-m", "lmdb_build", "create_lmdb", "--table", "part.csv", "--tasks", ",".join(TASKS)),
        *("--absent=-1", "--shuffle", f"--resize_height={size}", f"--resize_width={size}", "pictures_lmdb", "labels_lmdb"),
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as said:
        begun = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        peak = 0
        while child.poll() is None:
            peak = max(peak, private_memory(child.pid))
            time.sleep(WATCH_EVERY)
        seconds = time.perf_counter() - begun
        said.seek(0)
        if child.returncode:
            raise MokaError(f"create_lmdb of {count} pictures ended with {child.returncode}: {said.read()[-500:]}")
    disk = 0
    for name in ("pictures_lmdb", "labels_lmdb"):
        disk += (folder / name / "data.mdb").stat().st_size
        shutil.rmtree(folder / name)
    return Figures(count, seconds, peak / 1024, disk / 1e6)


def private_memory(process: int) -> int:
    """Return the private memory of a process in KB, or 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def table(found: Sequence[Figures], beyond: int) -> str:
    """Return the figures as Markdown, and what `beyond` pictures would take if both go on as from the first to the last run."""
    lines = ["| pictures | seconds | pictures/s | private memory, MB | databases, MB |", "|---|---|---|---|---|"]
    for one in found:
        lines.append(
            f"| {one.pictures:,} | {one.seconds:.1f} | {one.pictures / one.seconds:.0f} | {one.memory:.0f} | {one.disk:.0f} |"
        )
    first, last = found[0], found[-1]
    if last.pictures > first.pictures:
        more = (beyond - last.pictures) / (last.pictures - first.pictures)
        seconds = last.seconds + more * (last.seconds - first.seconds)
        memory = last.memory + more * (last.memory - first.memory)
        disk = last.disk + more * (last.disk - first.disk)
        lines.append(
            f"| {beyond:,} (extrapolated) | {seconds:.0f} | {beyond / seconds:.0f} | {memory:.0f} | {disk:.0f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Measure all counts and print the table."""
    parser = Parser(
        "python -m tools.bench.create_lmdb", "python -m tools.bench.create_lmdb", "time and memory of create_lmdb"
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[5_000, 10_000, 25_000, 50_000], metavar="N")
    parser.add_argument(
        "--size", type=int, default=64, metavar="N", help="rows and columns in the database (default: 64)"
    )
    parser.add_argument(
        "--folder", type=Path, help="where to work: 1 GB for 50,000 pictures (default: a temporary one)"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        write_pictures(Path(name), max(options.counts))
        print(table([measure(Path(name), count, options.size) for count in options.counts], 500_000))


if __name__ == "__main__":
    run(main)
