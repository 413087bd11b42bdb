"""Kill -9 at random moments: `python -m tools.kill [CASE ...] [--count 50] [--seed 0]`.

Commands that write snapshots, databases, means and compiled networks are started as a user starts them, and their whole
process group is killed at random moments. Nine in ten lie between the command's first write and its last, as an
undisturbed run before took them, one in ten anywhere from its start. What is there then must be whole or absent, the same
command (or, of training, the one with --snapshot) must end well with no cleaning up, and its files be those of the
undisturbed run. On a failure: exit code 1, with the case, its number, seed and moment; the folder is kept.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.commands import run
from common.errors import MokaError, UsageError
from common.places import ROOT

from .kill_cases import Broken, Case, cases

_TEMPORARY = ("*.part", "*.old.*")  # what common.files names while it is not yet whole
_LONGEST = 300  # seconds a command may take


@dataclass
class Tally:
    """What became of the kills of one case."""

    kills: int = 0
    during_a_write: int = 0  # a temporary file was there
    found: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Times:
    """Seconds after the start of a command: first write, last write."""

    begin: float
    end: float


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def kill(name: str, case: Case, count: int, seed: int, folder: Path, report: Callable[[str], None] = _say) -> Tally:
    """Kill the case's command `count` times in `folder`, and see each time what it left. Raises MokaError on a failure."""
    inputs, before, whole = (folder / part for part in ("inputs", "before", "whole"))
    for place in (inputs, before):
        place.mkdir(parents=True)
    case.prepare(inputs, before)
    times = _undisturbed(case, whole, before)
    report(f"{name}: writes from {times.begin:.2f} to {times.end:.2f} s after its start")
    tally, place = Tally(), folder / "killed"
    for number in range(3 * count):
        if tally.kills == count:
            break
        chance = random.Random(f"{seed} {name} {number}")
        anywhere = number % 10 == 9
        moment = chance.uniform(0, times.end) if anywhere else chance.uniform(0, 1.1 * (times.end - times.begin))
        since = "the start" if anywhere else "the first write"
        try:
            _one(case, place, before, whole, moment, anywhere, tally)
        except MokaError as error:
            raise MokaError(
                f"{name}, seed {seed}, number {number}, killed {moment:.4f} s after {since}: {error}\n  See {place}"
            ) from error
        shutil.rmtree(place)
        if number % 10 == 9:
            report(f"{name}: {tally.kills} kills, {tally.during_a_write} of them during a write")
    return tally


def _undisturbed(case: Case, whole: Path, before: Path) -> Times:
    running = _Running(case.command, whole, before)
    seen = [running.wait_for(pattern) - running.start for pattern in (case.begin, case.end)]
    if running.code():
        raise MokaError(f"the undisturbed run failed: {_said(whole)}\n  See {whole}")
    return Times(*seen)


def _one(case: Case, place: Path, before: Path, whole: Path, moment: float, anywhere: bool, tally: Tally) -> None:
    running = _Running(case.command, place, before)
    start = running.start if anywhere else running.wait_for(case.begin)
    time.sleep(max(0.0, start + moment - time.monotonic()))
    late = running.process.poll() is not None  # it has ended by itself: no kill to be counted
    running.kill()
    out = place / "out"
    found = case.check(out, whole / "out", before)
    if late:
        return
    tally.kills += 1
    tally.found[found] += 1
    tally.during_a_write += any(any(out.glob(pattern)) for pattern in _TEMPORARY)
    done = _Running(case.go_on(place, case.command), place).code()
    if done:
        raise Broken(f"found {found}; going on ended with exit code {done}: {_said(place)}")
    case.check(out, whole / "out", before)
    for file in case.final:
        if (out / file).read_bytes() != (whole / "out" / file).read_bytes():
            raise Broken(f"found {found}; after going on, {file} is not that of an undisturbed run")


class _Running:
    """`python -m COMMAND` in `place`, in a process group of its own; its `out` begins as a copy of `before`, if given."""

    def __init__(self, command: Sequence[str], place: Path, before: Path | None = None) -> None:
        self._out = place / "out"
        if before:
            shutil.copytree(before, self._out)
        self._before = self._files("*")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-m", *command]
        self.start = time.monotonic()
        with (place / "said").open("ab") as said:
            self.process = subprocess.Popen(
                words, cwd=place, env=environment, stdout=said, stderr=said, start_new_session=True
            )

    def wait_for(self, pattern: str) -> float:
        """The time when a file of that pattern is new in `out`, or another than before; or the process has ended."""
        while self.process.poll() is None and not self._files(pattern) - self._before:
            time.sleep(0.0005)
        return time.monotonic()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait until it is gone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def code(self) -> int:
        """The exit code; a command that never ends is killed."""
        try:
            return self.process.wait(_LONGEST)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"the command did not end within {_LONGEST} seconds") from error
        finally:
            self.kill()

    def _files(self, pattern: str) -> set[tuple[str, int]]:
        return {(entry.name, entry.inode()) for entry in os.scandir(self._out) if fnmatch.fnmatch(entry.name, pattern)}


def _said(place: Path) -> str:
    return (place / "said").read_text(errors="replace")[-1500:].strip()


def main(argv: Sequence[str]) -> int:
    """Kill, and print a table of the counts."""
    table = cases()
    parser = argparse.ArgumentParser(prog="python -m tools.kill", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"all without it; known: {'; '.join(table)}")
    parser.add_argument("--count", type=int, default=50, help="kills of each case (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (%(default)s)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(argv)
    if unknown := set(options.case) - set(table):
        raise UsageError(f"{', '.join(sorted(unknown))}: no such case; known: {'; '.join(table)}.")
    folder = Path(tempfile.mkdtemp(prefix="kill."))
    print("| command | kills | during a write | found after the kill |\n|---|---|---|---|", flush=True)
    for number, name in enumerate(options.case or table):
        tally = kill(name, table[name], options.count, options.seed, folder / str(number))
        found = ", ".join(f"{word} {times}" for word, times in tally.found.most_common())
        print(f"| {name} | {tally.kills} | {tally.during_a_write} | {found} |", flush=True)
        shutil.rmtree(folder / str(number))
    folder.rmdir()
    return 0


if __name__ == "__main__":
    run(main)
