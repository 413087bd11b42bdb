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
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common.commands import run
from common.errors import UsageError
from common.files import atomic_file
from common.places import ROOT

from .bench_works import Run, Work, best_blas, prepare, process, works

SIDES = ("ours", "theirs")
Runs = dict[str, list[Run]]  # side -> its runs


def measure(work: Work, rounds: int, folder: Path) -> Runs:
    """Run both sides in turn, `rounds` times."""
    runs: Runs = {}
    for _ in range(rounds):
        for side, command, more in zip(SIDES, (work.ours, work.theirs), ({}, best_blas()), strict=True):
            if command:
                runs.setdefault(side, []).append(process(command, folder, more))
    return runs


def as_line(work: Work, runs: Runs) -> str:
    """The work in Markdown: a line of the table."""
    values = {side: [work.value(each) for each in of_side] for side, of_side in runs.items()}
    memory = {side: max(each.memory for each in of_side) for side, of_side in runs.items()}
    cells = [work.what]
    for side in SIDES:
        v = values.get(side)
        cells.append(f"{statistics.median(v):.3g} {work.unit} ({min(v):.3g} to {max(v):.3g})" if v else "")
    median = statistics.median(values["ours"])
    if "theirs" in values:
        ratio = statistics.median(values["theirs"]) / median
        ratio = 1 / ratio if work.larger_is_better else ratio
        cells += [f"{ratio:.2f}", f"{work.wanted:g}"]
        reached = ratio >= work.wanted
    else:
        cells += ["", f"under {work.wanted:g} {work.unit}"]
        reached = median < work.wanted
    fits = not work.memory_wanted or memory["ours"] <= memory["theirs"]
    cells.append(" / ".join(f"{memory[side]:.0f}" for side in SIDES if side in memory))
    waited = re.findall(r"([\d.]+%) of the time waiting for data", runs["ours"][-1].text)
    cells.append(waited[-1] if waited else "")
    missed = [word for word, good in (("speed", reached), ("memory", fits)) if not good]
    cells.append(f"no: {' and '.join(missed)}. {work.short}".strip() if missed else "yes")
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str]) -> None:
    """Measure the works named on the command line (default: all) and write the table."""
    table = works()
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
            lines.append(as_line(table[name], measure(table[name], options.rounds, Path(folder))))
            print(lines[-1], flush=True)
    if not options.works:
        write(lines, options.rounds, "" if "bf16" in table else _NO_BF16)


_NO_BF16 = """
bf16 is not in the table: this processor has neither AVX512_BF16 nor AMX, so it can only be emulated here, which is slower.
"""


def write(lines: list[str], rounds: int, note: str) -> None:
    """BENCHMARKS.md, with the machine."""
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    text = f"""# Benchmarks

Written by `python -m tools.bench` on {time.strftime("%Y-%m-%d")}: {model}, {os.cpu_count()} cores,
{platform.system()} {platform.machine()}, Python {platform.python_version()}. "Theirs" is Caffe 1.0 of Debian 11 with OpenBLAS
({" ".join(f"{name}={value}" for name, value in best_blas().items()) or "as it is"}, its fastest setting here),
or Model Optimizer 2021.4.2, from the tool chain. Medians of {rounds} rounds in turn (least to most); the ratio says how many
times faster ours is; memory is the peak of one process in MB, ours / theirs; the share of a training's time that was spent
waiting for data is of ours, start-up included.
{note}
| work | ours | theirs | ratio | wanted | memory | waiting | reached |
|---|---|---|---|---|---|---|---|
"""
    with atomic_file(ROOT / "BENCHMARKS.md", force=True) as temporary:
        temporary.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
