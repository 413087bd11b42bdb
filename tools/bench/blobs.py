"""How long this machine takes to compute blobs, as device BLOB does, and how much memory that takes.

    OMP_NUM_THREADS=1 .venv/bin/python -m tools.bench.blobs graph/*.blob

"ms" is the time for a picture, "cores" the time that processors spent on it, which other work on the machine changes little:
medians of several runs. Each blob is computed in a process of its own, whose largest memory is printed.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common.commands import run

RUNS = 7


def main(words: Sequence[str]) -> None:
    """Measure each blob, and print a line for it."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.blobs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("blobs", nargs="+", type=Path, metavar="FILE.blob")
    options = parser.parse_args(words)
    print(f"{'net':24}{'ms':>8}{'cores':>8}{'MiB':>8}")
    context = multiprocessing.get_context("spawn")
    for path in options.blobs:
        with context.Pool(1) as pool:
            wall, cores, memory = pool.apply(measure, (path,))
        print(f"{path.stem:24}{wall:8.1f}{cores:8.1f}{memory:8.0f}")


def measure(path: Path) -> tuple[float, float, float]:
    """Return the milliseconds for a picture of random bytes, those that processors spent, and the MiB of this process."""
    import numpy as np

    from myriad import read_blob
    from myriad.execution import Machine

    blob = read_blob(path)
    machine = Machine(blob)
    random = np.random.default_rng(1)
    # Bytes fit into an input of any type.
    feed = {
        entry.name: random.integers(0, 256, (max(1, blob.header.batch), *entry.shape.dims), dtype=np.uint8)
        for entry in blob.inputs
    }
    machine.run(feed)
    times = []
    for _ in range(RUNS):
        begun, spent = time.perf_counter(), time.process_time()
        machine.run(feed)
        times.append(((time.perf_counter() - begun) * 1e3, (time.process_time() - spent) * 1e3))
    wall, cores = zip(*times, strict=True)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return statistics.median(wall), statistics.median(cores), kilobytes / 1024


if __name__ == "__main__":
    run(main, sys.argv[1:], "train")
