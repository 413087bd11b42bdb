"""Kills commands with SIGKILL at random moments and checks what they leave.

    python -m tools.kill [CASE ...] [--count 50] [--seed 0]

Commands that write snapshots, databases, means and compiled networks are started as a user starts them. Their whole process
group is killed at a random moment: nine times in ten between the first and the last write, as timed in an undisturbed run,
otherwise at any time after the start. Then three things must hold: every output is complete or missing; the same command
(for training, the one with --snapshot) succeeds without cleanup; its files are those of the undisturbed run.

A failure ends with exit code 1 and names the case, number, seed and moment. The folder is kept.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

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

from common.commands import Parser, run
from common.errors import MokaError, UsageError
from common.messages import did_you_mean
from common.places import ROOT

from .kill_cases import Broken, Case, cases

# Names that common.files gives to outputs that are not complete yet.
_TEMPORARY = ("*.part", "*.old.*")
# Seconds that a command may take.
_LONGEST = 300


@dataclass
class Tally:
    """The outcomes of one case. `during_a_write` counts the kills that left a temporary file."""

    kills: int = 0
    during_a_write: int = 0
    found: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Times:
    """When a command first and last writes, in seconds after its start."""

    begin: float
    end: float


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def kill(name: str, case: Case, count: int, seed: int, folder: Path, report: Callable[[str], None] = _report) -> Tally:
    """Kill the case's command `count` times in `folder` and check what each kill left. Raises MokaError on a failure."""
    inputs, before, undisturbed = (folder / part for part in ("inputs", "before", "undisturbed"))
    for place in (inputs, before):
        place.mkdir(parents=True)
    case.prepare(inputs, before)
    times = _time_undisturbed(case, undisturbed, before)
    report(f"{name}: writes from {times.begin:.2f} to {times.end:.2f} s after its start")
    tally = Tally()
    place = folder / "killed"
    for number in range(3 * count):
        if tally.kills == count:
            break
        chance = random.Random(f"{seed} {name} {number}")
        anywhere = number % 10 == 9
        moment = chance.uniform(0, times.end) if anywhere else chance.uniform(0, 1.1 * (times.end - times.begin))
        since = "the start" if anywhere else "the first write"
        try:
            _kill_once(case, place, before, undisturbed, moment, anywhere, tally)
        except MokaError as error:
            raise MokaError(
                f"{name}, seed {seed}, number {number}, killed {moment:.4f} s after {since}: {error}\n  See {place}"
            ) from error
        shutil.rmtree(place)
        if number % 10 == 9:
            report(f"{name}: {tally.kills} kills, {tally.during_a_write} of them during a write")
    return tally


def _time_undisturbed(case: Case, place: Path, before: Path) -> Times:
    running = _Running(case.command, place, before)
    seen = [running.wait_for(pattern) - running.start for pattern in (case.begin, case.end)]
    if running.code():
        raise MokaError(f"the undisturbed run failed: {_printed(place)}\n  See {place}")
    return Times(*seen)


def _kill_once(
    case: Case, place: Path, before: Path, undisturbed: Path, moment: float, anywhere: bool, tally: Tally
) -> None:
    running = _Running(case.command, place, before)
    start = running.start if anywhere else running.wait_for(case.begin)
    time.sleep(max(0.0, start + moment - time.monotonic()))
    # If it has ended by itself, there is no kill to count.
    late = running.process.poll() is not None
    running.kill()
    out = place / "out"
    found = case.check(out, undisturbed / "out", before)
    if late:
        return
    tally.kills += 1
    tally.found[found] += 1
    tally.during_a_write += any(any(out.rglob(pattern)) for pattern in _TEMPORARY)
    code = _Running(case.go_on(place, case.command), place).code()
    if code:
        raise Broken(f"found {found}; going on ended with exit code {code}: {_printed(place)}")
    case.check(out, undisturbed / "out", before)
    for file in case.final:
        if case.read(out / file) != case.read(undisturbed / "out" / file):
            raise Broken(f"found {found}; after going on, {file} is not the file of an undisturbed run")


class _Running:
    """Runs `python -m COMMAND` in `place` as a process group of its own. Its `out` begins as a copy of `before`, if given."""

    def __init__(self, command: Sequence[str], place: Path, before: Path | None = None) -> None:
        self._out = place / "out"
        if before:
            shutil.copytree(before, self._out)
        self._before = self._files("*")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-m", *command]
        self.start = time.monotonic()
        with (place / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                words, cwd=place, env=environment, stdout=printed, stderr=printed, start_new_session=True
            )

    def wait_for(self, pattern: str) -> float:
        """Return the time when `out` has a new or replaced file of that pattern, or the process has ended."""
        while self.process.poll() is None and not self._files(pattern) - self._before:
            time.sleep(0.0005)
        return time.monotonic()

    def kill(self) -> None:
        """Send SIGKILL to the whole group, and wait until it is gone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def code(self) -> int:
        """Return the exit code. A command that does not end in time is killed, and Broken is raised."""
        try:
            return self.process.wait(_LONGEST)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"the command did not end within {_LONGEST} seconds") from error
        finally:
            self.kill()

    def _files(self, pattern: str) -> set[tuple[str, int]]:
        places = [place for place in (self._out, self._out.with_name("data")) if place.is_dir()]
        return {
            (entry.name, entry.inode())
            for place in places
            for entry in os.scandir(place)
            if fnmatch.fnmatch(entry.name, pattern)
        }


def _printed(place: Path) -> str:
    return (place / "printed").read_text(errors="replace")[-1500:].strip()


def main(argv: Sequence[str]) -> int:
    """Kill, and print a table of the counts."""
    table = cases()
    example = 'python -m tools.kill LMDB "ncs, the renames" --count 20'
    parser = Parser("python -m tools.kill", example, "kill commands at random moments and check what they leave")
    parser.add_argument("case", nargs="*", help=f"{'; '.join(table)} (default: all)")
    parser.add_argument("--count", type=int, default=50, help="kills of each case (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments (default: %(default)s)")
    options = parser.parse_args(argv)
    for name in options.case:
        if name not in table:
            raise UsageError(f"{name}: no such case. Known: {'; '.join(table)}.{did_you_mean(name, table)}")
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
