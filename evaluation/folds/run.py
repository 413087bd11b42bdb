"""Runs the steps of one fold, each once: what a fold does, in this process or on another machine that shares the folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from common.files import atomic_file

from .plan import fill_in

RUNNING = ".running"
"""File in the folder of a cross-validation: it names the run to which the folder belongs. Without it, steps are ended."""
SECONDS_TO_LOOK = 0.2
"""After which we look whether a step has ended, or is to be ended."""
SECONDS_TO_LEAVE = 10.0
"""For a step that was asked to end. Then it is killed."""
LAST_LINES = 5
_LAST_BYTES = 4096
_ACTIVE: set[object] = set()
"""One for each fold that runs in this process."""


@dataclass(frozen=True)
class Fold:
    """One fold: its folder, and step -> (words of the command, mark). `run` names the run to which it belongs."""

    name: str
    folder: Path
    here: Path
    steps: dict[str, tuple[list[str], str]]
    run: str
    threads: int


@dataclass(frozen=True)
class Ended:
    """How a fold ended: what went wrong ("" nothing), and which steps had been done before."""

    fold: str
    problem: str
    skipped: list[str]


def run_fold(fold: Fold) -> Ended:
    """Run the steps of a fold that are not done. Never raises: the answer may come from another machine."""
    token = object()
    _ACTIVE.add(token)
    try:
        return _run_steps(fold)
    finally:
        _ACTIVE.discard(token)


def wait_until_ended() -> None:
    """Wait until the folds that run in threads of this process have ended their steps, after RUNNING was removed."""
    deadline = time.monotonic() + 2 * SECONDS_TO_LEAVE
    while _ACTIVE and time.monotonic() < deadline:
        time.sleep(SECONDS_TO_LOOK / 4)


def _run_steps(fold: Fold) -> Ended:
    skipped: list[str] = []
    records = fold.folder / "steps"
    try:
        records.mkdir(parents=True, exist_ok=True)
        for number, (step, (words, mark)) in enumerate(fold.steps.items(), 1):
            done = records / f"{number:02d}_{step}.done"
            if done.is_file() and done.read_text() == mark:
                skipped.append(step)
                continue
            if not _is_ours(fold):
                return Ended(fold.name, f"fold {fold.name}: stopped.", skipped)
            done.unlink(missing_ok=True)
            problem = _run_step(fold, step, words, records / f"{number:02d}_{step}.log")
            if problem:
                return Ended(fold.name, problem, skipped)
            with atomic_file(done) as temporary:
                temporary.write_text(mark)
    except Exception as error:
        return Ended(fold.name, f"fold {fold.name}: {error}", skipped)
    return Ended(fold.name, "", skipped)


def _run_step(fold: Fold, step: str, words: list[str], log: Path) -> str:
    """Run one command, with its output in `log`. Returns what went wrong, or ""."""
    what = f"fold {fold.name}, step {step}"
    command = fill_in(words, fold.name, fold.folder, fold.here)
    threads = {"OMP_NUM_THREADS": str(fold.threads)} if fold.threads else {}
    # Appended, so that a file that another process still writes is not emptied.
    with log.open("ab") as output:
        try:
            # The step inherits this lock with its stdout, so it is kept for as long as the step runs, even without us.
            fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"{what}: still runs, from a run that was killed. Wait for it, or end it. Its output: {log}."
        output.truncate(0)
        try:
            # A session of its own, because Ctrl-C is for us alone: we then end the step and everything that it started.
            process = subprocess.Popen(
                command,
                cwd=fold.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**threads, **os.environ},
                start_new_session=True,
            )
        except OSError as error:
            return f"{what}: {command[0]} does not start ({error.strerror}). Correct the plan."
        if not _wait(process, fold):
            return f"{what}: stopped."
    if process.returncode:
        code = process.returncode
        how = f"ended with exit code {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
        return f"{what}: {how}. All of its output: {log}. Its last lines:{_last_lines(log)}"
    return ""


def _wait(process: subprocess.Popen[bytes], fold: Fold) -> bool:
    """Wait for the end of a step. Returns False if the folder no longer belongs to our run: then the step was ended."""
    try:
        while _is_ours(fold):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_LOOK)
                return True
    except BaseException:
        # In the main thread, a signal may come here first.
        _end(process)
        raise
    _end(process)
    return False


def _is_ours(fold: Fold) -> bool:
    try:
        return (fold.folder.parent / RUNNING).read_text() == fold.run
    except FileNotFoundError:
        return False
    except OSError:
        # A network file system that does not answer for a moment ends nothing.
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group to end, then kill what is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_LEAVE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_lines(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "".join(f"\n  {line}" for line in lines[-LAST_LINES:])
