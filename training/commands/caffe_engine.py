"""Trains with the tool chain's real Caffe: `caffe train` on the same files."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.prototxt import to_text
from caffe_io.weights import read_solverstate
from common.places import require_toolchain

from ..errors import EngineError
from ..solvers.record import Record

_STATE = re.compile(r"Snapshotting solver state to (?:binary proto|HDF5) file (.+)")


def caffe_train(param: SolverParameter, snapshot: str | None, weights: str | None) -> str | None:
    """Run `caffe train` on the CPU. Its log goes to the terminal, and the numbers in it to the CSV.

    Returns the .solverstate to resume from if Ctrl-C was pressed, else None. Raises EngineError if Caffe is missing or fails.
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
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            last_line, state, interrupted = _follow(process, record)
        record.close()
    if process.returncode:
        raise EngineError(f"{program.name} train ended with code {process.returncode}. Its last line: {last_line}")
    return state if interrupted else None


def _follow(process: subprocess.Popen[str], record: Record) -> tuple[str, str | None, bool]:
    """Print and record Caffe's log to its end.

    Returns its last line, the last .solverstate that it names, and whether Ctrl-C was pressed.
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
            return last_line, state, interrupted
        except KeyboardInterrupt:
            # Caffe got the signal too: it writes a snapshot and ends, so read on.
            interrupted = True
