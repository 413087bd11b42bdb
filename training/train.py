"""`python -m training train`: train a net by a solver prototxt."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.errors import UsageError
from caffe_io.prototxt import read_solver


def add_options(parser: argparse.ArgumentParser) -> None:
    """Caffe's own options, and ours: max_iter, precision, engine."""
    parser.add_argument("--solver", required=True, metavar="FILE", help="solver prototxt")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--snapshot", metavar="FILE", help="go on from this .solverstate")
    start.add_argument("--weights", metavar="FILE[,FILE...]", help="begin with the weights of these .caffemodel files")
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
    """Train, then draw the curves. Returns 130 if Ctrl-C ended the training early, so that no script goes on, else 0."""
    param = read_solver(options.solver)
    if options.max_iter is not None:
        rescale(param, options.max_iter)
    from .snapshot import check_snapshots

    check_snapshots(param)
    if options.engine == "caffe":
        if options.precision == "bf16":
            raise UsageError("--engine caffe computes in fp32; leave out --precision bf16.")
        from .caffe_engine import caffe_train

        state = caffe_train(param, options.snapshot, options.weights)
    else:
        state = _torch_train(param, options)
    from .plot import plot_log

    prefix = param.snapshot_prefix
    plot_log(Path(f"{prefix}_log.csv"), Path(f"{prefix}_curves.png"), f"{Path(prefix).name}: loss and accuracy")
    print(f"snapshots {prefix}_iter_*.caffemodel, numbers {prefix}_log.csv, curves {prefix}_curves.png")
    if state:
        print(f"stopped by Ctrl-C; to go on, the same command with: --snapshot {state}")
    return 130 if state else 0


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


def _torch_train(param: SolverParameter, options: argparse.Namespace) -> str | None:
    """Train with our own solver. Returns the .solverstate to go on from if Ctrl-C was pressed."""
    import torch

    from .precision import choose_precision
    from .record import log
    from .solver import Solver

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = choose_precision(options.precision, device)
    solver = Solver(param, precision, device)
    log(f"Computing on {device.type} in {precision}, random_seed {solver.seed}")
    if options.snapshot:
        log(f"Restoring previous solver status from {options.snapshot}")
        solver.restore(options.snapshot)
    given = options.weights or ("" if options.snapshot else ",".join(param.weights))
    for path in filter(None, map(str.strip, given.split(","))):
        log(f"Finetuning from {path}")
        solver.net.load(path)
    begun, start = time.monotonic(), solver.iteration
    data = list(solver.net.data_layers())
    solver.solve()
    seconds = time.monotonic() - begun
    waited = sum(layer.waited for layer in data)
    made = solver.iteration - start
    print(
        f"{made} iterations in {seconds:.0f} s ({made / seconds:.2f} iter/s); {waited / seconds:.1%} of the time waiting for data"
    )
    return f"{param.snapshot_prefix}_iter_{solver.iteration}.solverstate" if solver.stopped else None
