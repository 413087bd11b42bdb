"""Trains with the tool chain's real Caffe: `caffe train` on the same files."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.prototxt import to_text
from caffe_io.weights import read_solverstate
from common.places import require_toolchain

from ..errors import DivergedError, EngineError
from ..solvers.record import Record
from ..solvers.signals import Stop

_STATE = re.compile(r"Snapshotting solver state to (?:binary proto|HDF5) file (.+)")
_DIVERGED = re.compile(r"Iteration (\d+).*, loss = (-?(?:nan|inf))")


def caffe_train(param: SolverParameter, snapshot: str | None, weights: str | None) -> Stop | None:
    """Run `caffe train` on the CPU. Its log goes to the terminal, and the numbers in it to the CSV.

    Returns how to go on if Ctrl-C or SIGTERM ended it. Raises EngineError if Caffe is missing or fails, and DivergedError
    if its log shows a loss that is NaN or infinite.
    """
    program = require_toolchain("caffe", "caffe", EngineError)
    param.solver_mode = SolverParameter.CPU
    with tempfile.NamedTemporaryFile("w", suffix="_solver.prototxt") as solver:
        solver.write(to_text(param))
        solver.flush()
        command = [str(program), "train", f"--solver={solver.name}"]
        command += [f"--snapshot={snapshot}"] if snapshot else []
        command += [f"--weights={weights}"] if weights else []
        record = Record(param.snapshot_prefix, read_solverstate(snapshot).iter if snapshot else 0)
        with (
            contextlib.closing(record),
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process,
            _sigterm_as_sigint(process) as terminated,
        ):
            last_line, state, interrupted = _follow(process, record)
    if process.returncode:
        raise EngineError(f"{program.name} train ended with code {process.returncode}. Its last line: {last_line}")
    if state and terminated:
        return Stop(state, 128 + signal.SIGTERM)
    return Stop(state, 130) if state and interrupted else None


@contextlib.contextmanager
def _sigterm_as_sigint(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """Pass SIGTERM on to Caffe as the signal that makes it write a snapshot. Yields a list that then has an entry."""
    terminated: list[int] = []

    def handle(number: int, frame: object) -> None:
        terminated.append(number)
        process.send_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)


def _follow(process: subprocess.Popen[str], record: Record) -> tuple[str, str | None, bool]:
    """Print and record Caffe's log to its end.

    Returns its last line, the last .solverstate that it names, and whether Ctrl-C was pressed. Ends Caffe and raises
    DivergedError at a loss that is NaN or infinite.
    """
    assert process.stderr is not None
    last_line = ""
    state = None
    interrupted = False
    while True:
        try:
            for line in process.stderr:
                sys.stderr.write(line)
                record.parse(line)
                last_line = line.strip() or last_line
                if found := _STATE.search(line):
                    state = found[1]
                if found := _DIVERGED.search(line):
                    process.kill()
                    raise DivergedError(
                        f"the loss is {found[2]} at iteration {found[1]}, so the training has diverged and ends. Try a lower "
                        "base_lr, set clip_gradients, or look for wrong numbers in the data. Snapshots that Caffe wrote since "
                        "the display before may hold NaN."
                    )
            return last_line, state, interrupted
        except KeyboardInterrupt:
            # Caffe got the signal too: it writes a snapshot and ends, so read on.
            interrupted = True
