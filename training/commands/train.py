"""`python -m training train`: train a net with the settings in a solver prototxt."""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.net_state import add_state_options, stages_of
from caffe_io.prototxt import read_solver
from caffe_io.weights import snapshots
from common.commands import LOGGER
from common.errors import UsageError

from ..solvers.precision import PRECISIONS
from ..solvers.signals import EFFECTS, Stop
from .net_options import add_caffe_options, add_python_layers, python_code, select_gpu

if TYPE_CHECKING:
    from caffe_io.caffe_pb2 import NetParameter

    from ..solvers.signals import Signals
    from ..solvers.solver import Solver
    from ..solvers.training_file import TrainingFile

EXAMPLE = "./moka train --solver prototxt/AgeNet/solver.prototxt"

EPILOG = """A GPU is used if PyTorch sees one. Several processes train one net together, as Caffe does on
several GPUs, when torchrun starts them: torchrun --standalone --nproc-per-node N moka train --solver FILE."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add Caffe's own options, and ours: max_iter, precision, engine."""
    parser.epilog = EPILOG
    parser.add_argument("--solver", required=True, metavar="FILE", help="solver prototxt")
    start = parser.add_mutually_exclusive_group()
    # Scripts of Caffe's users write --snapshot= if they have none.
    start.add_argument(
        "--snapshot", default="", metavar="FILE", help="resume from this .solverstate or .solverstate.h5"
    )
    start.add_argument(
        "--weights", default="", metavar="FILE[,FILE...]", help="start with the weights of these .caffemodel files"
    )
    add_state_options(parser, None)
    for name, default in (("sigint", "stop"), ("sighup", "snapshot")):
        parser.add_argument(
            f"--{name}_effect", choices=EFFECTS, default=default, help=f"what {name.upper()} does (default {default})"
        )
    parser.add_argument("--max_iter", type=int, metavar="N", help="scale the whole schedule to N iterations")
    parser.add_argument(
        "--budget",
        type=_minutes,
        metavar="MINUTES",
        help="scale the whole schedule so that the training ends within so many minutes, last test and snapshot included; "
        "with --max_iter, after N iterations at the latest",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="default fp32; auto: bf16 if the processor computes faster in it",
    )
    parser.add_argument(
        "--engine",
        choices=("torch", "caffe"),
        default="torch",
        help="caffe: the tool chain's real Caffe (default torch)",
    )
    add_python_layers(parser)
    parser.add_argument(
        "--caffe-bugs",
        choices=("on", "off"),
        default="on",
        help="off: keep all gradients, also where Caffe loses some (default on; BVLC/caffe#6604)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the files of an earlier training with the same snapshot_prefix"
    )
    add_caffe_options(parser)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not (math.isfinite(minutes * 60) and minutes > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes; expected a number above 0, such as 30.")
    return minutes


def main(options: argparse.Namespace) -> int:
    """Train, then draw the curves.

    Returns 130 or 143 if SIGINT or SIGTERM ended the training early, so that no script continues; else 0.
    """
    from ..errors import SolverError
    from ..solvers.run_files import claimed_prefix

    started = time.monotonic()
    param = _read(options)
    select_gpu(options.gpu)
    engine = _train_with_caffe if options.engine == "caffe" else partial(_train_with_torch, started=started)
    # Of several workers the first one writes and reports.
    first = os.environ.get("RANK", "0") == "0"
    with claimed_prefix(param, options.snapshot, options.force) if first else nullcontext():
        try:
            stop = engine(param, options)
        except SolverError as error:
            raise SolverError(f"{options.solver}: {error}") from error
        if first:
            _report_files(param.snapshot_prefix)
    if stop and first:
        print(f"Stopped by a signal. To resume, add to the same command: --snapshot {stop.state}")
    return stop.exit_code if stop else 0


def _report_files(prefix: str) -> None:
    from ..drawing.plot import plot_log

    plot_log(Path(f"{prefix}_log.csv"), Path(f"{prefix}_curves.png"), f"{Path(prefix).name}: loss and accuracy")
    print(f"snapshots {prefix}_iter_*.caffemodel, numbers {prefix}_log.csv, curves {prefix}_curves.png")


def _read(options: argparse.Namespace) -> SolverParameter:
    """Read the solver and apply the options to it."""
    param = read_solver(options.solver)
    if options.max_iter is not None:
        rescale(param, options.max_iter)
    if options.budget is not None and param.max_iter < 1:
        raise UsageError(
            f"{options.solver}: max_iter is {param.max_iter}; --budget needs one of at least 1, over which the schedule goes."
        )
    param.train_state.level = options.level
    param.train_state.stage.extend(stages_of(options))
    if options.snapshot or options.weights:
        param.weights[:] = [options.weights] if options.weights else []
    return param


def rescale(param: SolverParameter, max_iter: int) -> None:
    """Scale the whole schedule to `max_iter`: stepsize and stepvalue in proportion, and at least five tests and snapshots.

    Raises UsageError unless both the solver's max_iter and the new one are at least 1.
    """
    if max_iter < 1 or param.max_iter < 1:
        raise UsageError(f"--max_iter {max_iter} with the solver's max_iter {param.max_iter}: both must be at least 1.")
    factor = max_iter / param.max_iter
    if max(max_iter, *(round(step * factor) for step in (param.stepsize, *param.stepvalue))) >= 2**31:
        raise UsageError(
            f"--max_iter {max_iter}: the schedule would go beyond {2**31 - 1} iterations. Give a lower number."
        )
    if param.stepsize:
        param.stepsize = max(1, round(param.stepsize * factor))
    param.stepvalue[:] = [max(1, round(value * factor)) for value in param.stepvalue]
    for field in ("test_interval", "snapshot"):
        if getattr(param, field):
            setattr(param, field, min(getattr(param, field), math.ceil(max_iter / 5)))
    param.max_iter = max_iter


def training_file_of(solver: str | Path) -> Path | None:
    """Return the training.json that belongs to a solver prototxt, or None if there is none."""
    path = Path(solver)
    if not path.name.endswith("solver.prototxt"):
        return None
    beside = path.with_name(path.name.removesuffix("solver.prototxt") + "training.json")
    return beside if beside.exists() else None


def _read_training_file(path: Path) -> TrainingFile:
    # Its types take a third of a second to load, and few trainings have the file.
    from ..solvers.training_file import read_training_file

    return read_training_file(path)


def _train_with_caffe(param: SolverParameter, options: argparse.Namespace) -> Stop | None:
    """Train with the tool chain's Caffe; return how to go on if a signal ended the training."""
    from .caffe_engine import caffe_train

    if path := training_file_of(options.solver):
        logging.getLogger(LOGGER).warning("%s: is beyond Caffe, so --engine caffe does not follow it.", path)

    if options.precision == "bf16":
        raise UsageError("--engine caffe computes in fp32; leave out --precision bf16.")
    if options.caffe_bugs == "off":
        raise UsageError("--engine caffe computes as Caffe does; leave out --caffe-bugs off.")
    if options.budget is not None:
        raise UsageError(
            "--engine caffe cannot change max_iter while it trains; leave out --budget, or give --max_iter."
        )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("--engine caffe is one process; start it without torchrun.")
    return caffe_train(param, options.snapshot, options.weights)


def _train_with_torch(param: SolverParameter, options: argparse.Namespace, started: float) -> Stop | None:
    """Train with our own solver; return how to go on if a signal ended the training. A budget counts from `started` on."""
    from ..errors import WorkerError
    from ..nets.net import Net
    from ..solvers.caffe_log import log_line
    from ..solvers.extras import weigh_losses
    from ..solvers.precision import choose_precision
    from ..solvers.schedule.budget import MOST, Budget
    from ..solvers.signals import Signals
    from ..solvers.solver import Solver
    from ..solvers.workers import join_workers
    from ..threads import leave_busy_processors

    with join_workers() as (workers, device):
        leave_busy_processors(device)
        precision = choose_precision(options.precision, device)
        try:
            path = training_file_of(options.solver)
            file = _read_training_file(path) if path else None

            def make_net(net: NetParameter, *settings: Any) -> Net:
                if file:
                    weigh_losses(net, file)
                return partial(Net, python_code=python_code(options))(net, *settings)

            solver = Solver(
                *(param, precision, device, workers),
                make_net=make_net,
                caffe_bugs=options.caffe_bugs == "on",
                training_file=file,
                timetable=Budget(options.budget, options.max_iter or MOST, started) if options.budget else None,
            )
            if workers.first:
                several = f", {workers.count} workers" if workers.count > 1 else ""
                log_line(f"Computing on {device.type} in {precision}, random_seed {solver.seed}{several}")
                if path:
                    log_line(f"Beyond Caffe: {path}")
            if options.snapshot:
                log_line(f"Restoring previous solver status from {options.snapshot}")
                solver.restore(options.snapshot)
            # A terminal's Ctrl-C reaches each of several workers twice: directly, and through torchrun.
            signals = Signals(options.sigint_effect, options.sighup_effect, log_line, alone=workers.count == 1)
            with signals.caught():
                return _solve(solver, signals)
        except WorkerError as error:
            raise WorkerError(f"{error} {_resume_hint(param.snapshot_prefix)}") from error


def _solve(solver: Solver, signals: Signals) -> Stop | None:
    """Run the solver and print its speed; return how to go on if a signal ended the training."""
    started = time.monotonic()
    start = solver.iteration
    data = list(solver.net.data_layers())
    solver.solve(signals)
    seconds = time.monotonic() - started
    iterations = solver.iteration - start
    waited = sum(layer.waited for layer in data)
    if solver.workers.first:
        print(
            f"{iterations} iterations in {seconds:.0f} s ({iterations / seconds:.2f} iter/s); "
            f"{waited / seconds:.1%} of the time waiting for data"
        )
    if not solver.stopped:
        return None
    ending = ".h5" if solver.param.snapshot_format == SolverParameter.HDF5 else ""
    return Stop(f"{solver.param.snapshot_prefix}_iter_{solver.iteration}.solverstate{ending}", signals.exit_code)


def _resume_hint(prefix: str) -> str:
    """Say how to resume after a worker was lost. The newest snapshot is complete, because snapshots are written atomically."""
    path = Path(prefix)
    states = snapshots(path.parent, ".solverstate", path.name)
    if not states:
        return "No snapshot was written yet; start again."
    newest = max(states, key=lambda state: state.stat().st_mtime)
    return f"The newest snapshot is complete; resume with: --snapshot {newest}"
