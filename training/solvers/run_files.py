"""The files of a training run all begin with its snapshot_prefix. Here: that they belong to one run at a time.

A run claims its prefix before it reads anything else. While it runs, no other training can claim it.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from caffe_io.caffe_pb2 import SolverParameter
from common.errors import OutputExists

from ..errors import TrainingError

_SNAPSHOT = r"_iter_\d+\.(caffemodel|solverstate)(\.h5)?"
# Files of value that one cannot resume from.
_OTHER = r"_iter_\d+\.trainingstate|_best\.caffemodel|_curves\.png"
# How many files a message lists.
_MOST_NAMES = 4


@contextlib.contextmanager
def claimed_prefix(param: SolverParameter, snapshot: str | None, force: bool) -> Iterator[None]:
    """Claim the solver's snapshot_prefix for the block, and make its folder.

    `snapshot` is the solver state to resume from. Raises TrainingError if the folder cannot be written, or if another
    training writes there now; OutputExists if an earlier one left snapshots or curves there, unless `force` is set or this
    run resumes that one.
    """
    prefix = param.snapshot_prefix
    _make_folder(param)
    with _locked(prefix):
        if not force and not (snapshot and _is_snapshot_of(prefix, Path(snapshot))):
            _refuse_earlier(prefix)
        yield


def _make_folder(param: SolverParameter) -> None:
    prefix = param.snapshot_prefix
    if "\0" in prefix:
        raise TrainingError(f"snapshot_prefix {prefix!r} holds a NUL byte. Set another one in the solver.")
    folder, name = _split(prefix)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The name is as long as the longest that the run will need.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}_iter_{param.max_iter}.solverstate.h5.probe."):
            pass
    except OSError as error:
        raise TrainingError(
            f'snapshot_prefix "{_shortened(prefix)}": the folder {_shortened(str(folder))} cannot be written '
            f"({error.strerror}). Check the folder and its permissions, or set another snapshot_prefix in the solver."
        ) from error


def _refuse_earlier(prefix: str) -> None:
    """Raise OutputExists if an earlier run left something of worth.

    A log alone is of a run that ended before its first snapshot, and the next run replaces it.
    """
    folder, name = _split(prefix)
    pattern = re.compile(re.escape(name) + f"({_SNAPSHOT}|{_OTHER})")
    found = sorted((path for path in folder.iterdir() if pattern.fullmatch(path.name)), key=lambda path: path.name)
    if not found:
        return
    names = ", ".join(path.name for path in found[:_MOST_NAMES])
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    states = [path for path in found if ".solverstate" in path.name]
    newest = max(states, key=lambda path: path.stat().st_mtime, default=None)
    resume = f"Resume it with --snapshot {newest}, or give" if newest else "Give"
    raise OutputExists(
        f"{folder}: an earlier training with this snapshot_prefix left {names}{more}. {resume} --force to replace its files, "
        "or set another snapshot_prefix in the solver."
    )


def _is_snapshot_of(prefix: str, snapshot: Path) -> bool:
    folder, name = _split(prefix)
    return (
        bool(re.fullmatch(re.escape(name) + _SNAPSHOT, snapshot.name)) and snapshot.parent.resolve() == folder.resolve()
    )


@contextlib.contextmanager
def _locked(prefix: str) -> Iterator[None]:
    """Hold a lock file for the block. The kernel holds the lock itself, so that a killed run leaves none."""
    import fcntl

    folder, name = _split(prefix)
    path = folder / f".{name}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            process = os.read(descriptor, 20).decode(errors="replace")
            os.close(descriptor)
            raise TrainingError(
                f"{folder}: another training with this snapshot_prefix is running (process {process}). Wait for its end, or "
                "set another snapshot_prefix in the solver."
            ) from error
        except OSError:
            # Some network file systems have no locks.
            pass
        if _is_same_file(descriptor, path):
            break
        # The run before ended, and deleted the file after we opened it.
        os.close(descriptor)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _split(prefix: str) -> tuple[Path, str]:
    """Return the folder of a run's files, and what their names begin with."""
    file = Path(f"{prefix}_")
    return file.parent, file.name.removesuffix("_")


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
