"""Runs the hostile cases and prints those that did not end as they should: python -m tools.hostile."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from common.commands import Parser, run
from common.errors import UsageError

from .cases import Case
from .judge import faults, tree_of
from .server import Ended, Server
from .tables import all_cases
from .world import make_world

# What a case inherits; everything else of the environment is left out.
_INHERITED = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Outcome:
    """A case, how it ended, and what was wrong with that."""

    case: Case
    ended: Ended
    faults: list[str]


def run_cases(
    cases: Sequence[Case], folder: Path, jobs: int = 1, report: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Run the cases in `folder`, `jobs` at a time, each in a copy of one small world. Return how they ended, in order."""
    servers: Queue[Server] = Queue()
    for number in range(jobs):
        servers.put(Server(folder / f"server{number}"))
    try:
        world = folder / "world"
        server = servers.get()
        make_world(world, server)
        servers.put(server)

        def one(numbered: tuple[int, Case]) -> Outcome:
            number, case = numbered
            server = servers.get()
            try:
                outcome = run_case(case, folder / f"case{number}", world, server)
            finally:
                servers.put(server)
            report(outcome)
            return outcome

        with ThreadPoolExecutor(jobs) as threads:
            return list(threads.map(one, enumerate(cases)))
    finally:
        while not servers.empty():
            servers.get().close()


def run_case(case: Case, folder: Path, world: Path, server: Server) -> Outcome:
    """Run one case. `folder` is new, and is deleted unless something was wrong."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(world, folder / "work")
    if case.prepare:
        case.prepare(folder / "work")
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}
    before = tree_of(folder)
    ended = server.run(
        case.command, folder / "work", environment | dict(case.environment), case.seconds, case.megabytes, case.shell
    )
    wrong = faults(case, ended, before, tree_of(folder))
    if not wrong:
        shutil.rmtree(folder)
    return Outcome(case, ended, wrong)


def _show(outcome: Outcome) -> None:
    if outcome.faults:
        said = outcome.ended.err.strip().splitlines()[-2:] or outcome.ended.out.strip().splitlines()[-1:]
        print(f"{outcome.case.id}: {'; '.join(outcome.faults)}", flush=True)
        print(f"    $ {' '.join(outcome.case.command)[:200]}")
        for line in said:
            print(f"    {line[:200]}")


def main(argv: Sequence[str]) -> int:
    """Run the cases. Returns 1 if one of them did not end as it should."""
    parser = Parser("python -m tools.hostile", 'python -m tools.hostile --only "train/*"', "try hostile inputs")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="cases whose id matches (default: all)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of these, every Nth alone")
    parser.add_argument(
        "--skip", type=int, default=0, metavar="N", help="leave out the first N of these, before --every"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="so many at a time")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="new folder for what failed (default: a temporary one)"
    )
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--times", action="store_true", help="print how long each case took")
    options = parser.parse_args(argv)
    chosen = [case for case in all_cases() if fnmatch.fnmatch(case.id, options.only)]
    chosen = chosen[max(0, options.skip) :: max(1, options.every)]
    if not chosen:
        raise UsageError(f"--only {options.only}, --skip {options.skip}: no case is left. --list prints them all.")
    if options.list:
        print("\n".join(f"{case.id}: {' '.join(case.command)}" for case in chosen))
        return 0
    if options.keep:
        options.keep.mkdir(parents=True)
    start = time.monotonic()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="hostile"))
    try:
        outcomes = run_cases(chosen, folder.resolve(), max(1, options.jobs), _show)
        for outcome in sorted(outcomes, key=lambda outcome: -outcome.ended.seconds) if options.times else ():
            print(f"{outcome.ended.seconds:6.2f} s {outcome.ended.megabytes:5} MB  {outcome.case.id}")
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.ended.seconds)
    largest = max(outcomes, key=lambda outcome: outcome.ended.megabytes)
    print(
        f"{len(outcomes)} cases in {time.monotonic() - start:.0f} s, {failed} failed; the slowest {slowest.case.id} "
        f"({slowest.ended.seconds:.1f} s), the largest {largest.case.id} ({largest.ended.megabytes} MB)"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    run(main, sys.argv[1:])
