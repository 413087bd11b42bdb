"""The tool chain's real Caffe as an engine: `caffe train` on the same files."""

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
    """Run `caffe train` on the CPU; its log goes to the terminal, its numbers into the CSV.

    Returns the .solverstate to go on from if Ctrl-C was pressed. Raises EngineError if it fails.
    """
    program = require_toolchain("caffe", "caffe", EngineError)
    param.solver_mode = SolverParameter.CPU
    with tempfile.NamedTemporaryFile("w", suffix="_solver.prototxt") as solver:
        solver.write(to_text(param))
        solver.flush()
        command = [str(program), "train", f"--solver={solver.name}"]
        command += [f"--snapshot={snapshot}"] if snapshot else []
        command += [f"--weights={weights}"] if weights else []
        start = read_solverstate(snapshot).iter if snapshot else 0
        record = Record(param.snapshot_prefix, start)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr is not None
            last, state, stopped, done = "", None, False, False
            while not done:
                try:
                    for line in process.stderr:
                        sys.stderr.write(line)
                        record.parse(line)
                        last = line.strip() or last
                        state = found[1] if (found := _STATE.search(line)) else state
                    done = True
                except KeyboardInterrupt:  # Caffe got it too: it writes a snapshot and ends
                    stopped = True
        record.close()
    if process.returncode:
        raise EngineError(f"{program.name} train ended with code {process.returncode}: {last}")
    return state if stopped else None
