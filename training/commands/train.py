"""`python -m training train`: train a net by a solver prototxt."""

from __future__ import annotations

import argparse
import glob
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.errors import WeightsError
from caffe_io.prototxt import read_solver
from caffe_io.weights import newest_snapshot
from common.errors import UsageError

if TYPE_CHECKING:
    from ..solvers.signals import Signals
    from ..solvers.solver import Solver

EXAMPLE = "./moka train --solver prototxt/AgeNet/solver.prototxt"

_EFFECTS = ("stop", "snapshot", "none")

EPILOG = """A GPU is used if PyTorch sees one; there is no --gpu. Several processes train one net together, as Caffe does on
several GPUs, when torchrun starts them: torchrun --standalone --nproc-per-node N -m training train --solver FILE."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Caffe's own options, and ours: max_iter, precision, engine."""
    parser.epilog = EPILOG
    parser.add_argument("--solver", required=True, metavar="FILE", help="solver prototxt")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--snapshot", metavar="FILE", help="go on from this .solverstate or .solverstate.h5")
    start.add_argument("--weights", metavar="FILE[,FILE...]", help="begin with the weights of these .caffemodel files")
    parser.add_argument("--level", type=int, default=0, metavar="N", help="level of the net's state (default 0)")
    parser.add_argument("--stage", default="", metavar="NAME[,NAME...]", help="stages of the net's state")
    for name, default in (("sigint", "stop"), ("sighup", "snapshot")):
        parser.add_argument(
            f"--{name}_effect", choices=_EFFECTS, default=default, help=f"what {name.upper()} does (default {default})"
        )
    parser.add_argument(
        "--max_iter", type=int, metavar="N", help="shorten (or stretch) the whole schedule to N iterations"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16", "auto"),
        default="fp32",
        help="default fp32; auto: bf16 where the processor has it",
    )
    parser.add_argument(
        "--engine", choices=("torch", "caffe"), default="torch", help="caffe: the tool chain's real Caffe"
    )


def main(options: argparse.Namespace) -> int:
    """Train, then draw the curves. Returns 130 if a signal ended the training early, so that no script goes on, else 0."""
    param = _read(options)
    state = (_caffe_train if options.engine == "caffe" else _torch_train)(param, options)
    if os.environ.get("RANK", "0") != "0":
        return 130 if state else 0
    from ..drawing.plot import plot_log

    prefix = param.snapshot_prefix
    plot_log(Path(f"{prefix}_log.csv"), Path(f"{prefix}_curves.png"), f"{Path(prefix).name}: loss and accuracy")
    print(f"snapshots {prefix}_iter_*.caffemodel, numbers {prefix}_log.csv, curves {prefix}_curves.png")
    if state:
        print(f"stopped by a signal; to go on, the same command with: --snapshot {state}")
    return 130 if state else 0


def _read(options: argparse.Namespace) -> SolverParameter:
    param = read_solver(options.solver)
    if options.max_iter is not None:
        rescale(param, options.max_iter)
    param.train_state.level = options.level
    param.train_state.stage.extend(filter(None, options.stage.split(",")))
    if options.snapshot or options.weights:
        param.weights[:] = [options.weights] if options.weights else []
    return param


def rescale(param: SolverParameter, max_iter: int) -> None:
    """Fit the whole schedule into `max_iter`: stepsize and stepvalue in proportion; at least five tests and snapshots.

    Raises UsageError unless both max_iter, the solver's and the wanted one, are at least 1.
    """
    if max_iter < 1 or param.max_iter < 1:
        raise UsageError(f"--max_iter {max_iter} with the solver's max_iter {param.max_iter}: both must be at least 1.")
    factor = max_iter / param.max_iter
    if param.stepsize:
        param.stepsize = max(1, round(param.stepsize * factor))
    param.stepvalue[:] = [max(1, round(value * factor)) for value in param.stepvalue]
    for field in ("test_interval", "snapshot"):
        if getattr(param, field):
            setattr(param, field, min(getattr(param, field), math.ceil(max_iter / 5)))
    param.max_iter = max_iter


def _caffe_train(param: SolverParameter, options: argparse.Namespace) -> str | None:
    from ..solvers.snapshot import check_snapshots
    from .caffe_engine import caffe_train

    if options.precision == "bf16":
        raise UsageError("--engine caffe computes in fp32; leave out --precision bf16.")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("--engine caffe is one process; start it without torchrun.")
    check_snapshots(param)
    return caffe_train(param, options.snapshot, options.weights)


def _torch_train(param: SolverParameter, options: argparse.Namespace) -> str | None:
    """Train with our own solver. Returns the .solverstate to go on from if a signal ended the training."""
    from ..errors import SolverError, WorkerError
    from ..solvers.precision import choose_precision
    from ..solvers.record import log
    from ..solvers.signals import Signals
    from ..solvers.snapshot import check_snapshots
    from ..solvers.solver import Solver
    from ..solvers.workers import joined

    with joined() as (workers, device):
        if workers.first:
            check_snapshots(param)
        precision = choose_precision(options.precision, device)
        try:
            solver = Solver(param, precision, device, workers)
            if workers.first:
                several = f", {workers.count} workers" if workers.count > 1 else ""
                log(f"Computing on {device.type} in {precision}, random_seed {solver.seed}{several}")
            if options.snapshot:
                log(f"Restoring previous solver status from {options.snapshot}")
                solver.restore(options.snapshot)
            # A terminal's Ctrl-C reaches every worker twice: by itself, and through torchrun.
            signals = Signals(options.sigint_effect, options.sighup_effect, log, twice=workers.count == 1)
            with signals.caught():
                return _solve(solver, signals)
        except SolverError as error:
            raise SolverError(f"{options.solver}: {error}") from error
        except WorkerError as error:
            raise WorkerError(f"{error} {_way_on(param.snapshot_prefix)}") from error


def _solve(solver: Solver, signals: Signals) -> str | None:
    begun, start = time.monotonic(), solver.iteration
    data = list(solver.net.data_layers())
    solver.solve(signals)
    seconds = time.monotonic() - begun
    waited = sum(layer.waited for layer in data)
    made = solver.iteration - start
    if solver.workers.first:
        print(
            f"{made} iterations in {seconds:.0f} s ({made / seconds:.2f} iter/s); "
            f"{waited / seconds:.1%} of the time waiting for data"
        )
    ending = ".h5" if solver.param.snapshot_format == SolverParameter.HDF5 else ""
    return f"{solver.param.snapshot_prefix}_iter_{solver.iteration}.solverstate{ending}" if solver.stopped else None


def _way_on(prefix: str) -> str:
    """How to go on after a worker was lost: from the newest snapshot, which is whole, for each file appears in one step."""
    try:
        newest = newest_snapshot(Path(prefix).parent, ".solverstate", glob.escape(Path(prefix).name))
    except WeightsError:
        return "No snapshot was written yet; begin anew."
    return f"The last whole snapshot is {newest}; go on with --snapshot {newest}"
