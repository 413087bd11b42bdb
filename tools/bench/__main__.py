"""Times the same work here and in the originals, and writes its section of docs/benchmarks.md.

    python -m tools.bench [WORK ...] [--rounds 3]

Ours and theirs run in turn, each as a process of its own. The table gives medians, ranges and the ratio.
It needs both tool chains, an otherwise idle machine, some 4 GB of disk, and half an hour for all works.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common.commands import Parser, run
from common.errors import UsageError
from common.files import atomic_file
from common.messages import known_names
from common.places import ROOT

from .machine import machine
from .works import Run, Work, best_blas, prepare, run_process, works

PAGE = ROOT / "docs" / "benchmarks.md"
SIDES = ("ours", "theirs")
Runs = dict[str, list[Run]]
"""Side -> its runs."""
NO_BF16 = """
bf16 is not in the table: this processor has neither AVX512_BF16 nor AMX. It could only emulate bf16, which is slower.
"""


def measure(work: Work, rounds: int, folder: Path) -> Runs:
    """Run the work on both sides in turn, `rounds` times."""
    runs: Runs = {}
    for _ in range(rounds):
        for side, command, environment in zip(SIDES, (work.ours, work.theirs), ({}, best_blas()), strict=True):
            if command:
                runs.setdefault(side, []).append(run_process(command, folder, environment))
    return runs


def as_line(work: Work, runs: Runs) -> str:
    """Return the work's row of the Markdown table."""
    values = {}
    memory = {}
    for side, own in runs.items():
        values[side] = [work.value(each) for each in own]
        memory[side] = max(each.memory for each in own)
    cells = [work.what]
    for side in SIDES:
        cells.append(_range(values[side], work.unit) if side in values else "")
    median = statistics.median(values["ours"])
    if "theirs" in values:
        ratio = statistics.median(values["theirs"]) / median
        ratio = 1 / ratio if work.larger_is_better else ratio
        cells += [f"{ratio:.2f}", f"{work.goal:g}"]
        reached = ratio >= work.goal
    else:
        cells += ["", f"under {work.goal:g} {work.unit}"]
        reached = median < work.goal
    fits = not work.memory_counts or memory["ours"] <= memory["theirs"]
    cells.append(" / ".join(f"{memory[side]:.0f}" for side in SIDES if side in memory))
    waited = re.findall(r"([\d.]+%) of the time waiting for data", runs["ours"][-1].text)
    cells.append(waited[-1] if waited else "")
    missed = [word for word, good in (("speed", reached), ("memory", fits)) if not good]
    cells.append(f"no: {' and '.join(missed)}. {work.reason}".strip() if missed else "yes")
    return f"| {' | '.join(cells)} |"


def _range(values: Sequence[float], unit: str) -> str:
    return f"{statistics.median(values):.3g} {unit} ({min(values):.3g} to {max(values):.3g})"


def main(argv: Sequence[str]) -> None:
    """Measure the works named on the command line (default: all). Write the table if all were measured."""
    table = works()
    parser = Parser("python -m tools.bench", "python -m tools.bench train mean --rounds 3", "time ours and theirs")
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"{', '.join(table)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (default: %(default)s)")
    options = parser.parse_args(argv)
    for name in options.works:
        if name not in table:
            raise UsageError(f"{name}: no such work. {known_names(name, table)}")
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name in options.works or table:
            lines.append(as_line(table[name], measure(table[name], options.rounds, Path(folder))))
            print(lines[-1], flush=True)
    if not options.works:
        write(lines, options.rounds, "" if "bf16" in table else NO_BF16)


def write(lines: list[str], rounds: int, note: str) -> None:
    """Write this machine's section of docs/benchmarks.md. Those of other processors stay."""
    title = f"## {machine()}, {os.cpu_count()} cores"
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    blas = " ".join(f"{name}={value}" for name, value in best_blas().items()) or "its default"
    runs = f"the median of {rounds} rounds" if rounds > 1 else "one round"
    section = f"""{title}

{time.strftime("%Y-%m-%d")}, {runs}. {system}. Caffe's OpenBLAS has {blas}, its fastest setting here.
{note}
| work | ours | theirs | ratio | goal | memory | waiting | reached |
|---|---|---|---|---|---|---|---|
"""
    section += "\n".join(lines) + "\n"
    with atomic_file(PAGE, force=True) as temporary:
        temporary.write_text(with_section(PAGE.read_text(), title, section))


def with_section(page: str, title: str, section: str) -> str:
    """Return the page with the section of that title replaced, or added at the end."""
    head, *others = re.split(r"(?m)^(?=## )", page)
    kept = [other.rstrip("\n") + "\n" for other in others]
    places = [number for number, other in enumerate(kept) if other.startswith(title + "\n")]
    if places:
        kept[places[0]] = section
    else:
        kept.append(section)
    return "\n".join([head.rstrip("\n") + "\n", *kept])


if __name__ == "__main__":
    run(main)
