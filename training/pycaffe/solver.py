"""pycaffe's solvers."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.prototxt import read_solver

from ..errors import SolverError
from ..solvers.solver import Solver as _Solver
from .net import Net


class Solver:
    """A solver prototxt's training, step by step. Log lines go to stderr, snapshots where the solver says."""

    type: str | None = None  # SGDSolver and the like take no other

    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        param = read_solver(solver_file)
        if self.type:
            param.type = self.type
        try:
            self._solver = _Solver(param, device=torch.device("cpu"))
        except SolverError as error:
            raise SolverError(f"{solver_file}: {error}") from error
        self.net = Net._of(self._solver.net)
        self._solver.layerwise = self.net._passes
        self.test_nets = [Net._of(net) for net in self._solver.test_nets]

    @property
    def iter(self) -> int:
        """The number of updates made."""
        return self._solver.iteration

    @property
    def lr(self) -> float:
        """The rate of the next update."""
        return self._solver.rate()

    @property
    def param(self) -> SolverParameter:
        """The solver's settings."""
        return self._solver.param

    def step(self, iterations: int) -> None:
        """So many updates, with the tests, log lines and snapshots that fall among them."""
        self._solver.step(iterations)

    def add_callback(self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]) -> None:
        """In `step` and `solve`, call the one before each iteration's first forward pass, the other before its update."""
        self._solver.callbacks.append((on_start, on_gradients_ready))

    def solve(self, resume_file: str | None = None) -> None:
        """Train up to max_iter, from a solverstate if one is given. Ctrl-C ends it at once: no signals are caught here."""
        if resume_file:
            self.restore(resume_file)
        self._solver.solve()

    def apply_update(self) -> None:
        """One update with the weights' diffs as they are, for loops that call net.forward and net.backward themselves."""
        self._solver.apply_update()

    def snapshot(self) -> None:
        """Write PREFIX_iter_N.caffemodel and .solverstate now."""
        self._solver.snapshot()

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Go on from a .solverstate."""
        self._solver.restore(str(path))

    def share_weights(self, net: Net) -> None:
        """Let `net` use the weights that are trained."""
        net.share_with(self.net)


def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """The solver that a prototxt describes, of the type that it names."""
    return Solver(solver_file)


class SGDSolver(Solver):
    type = "SGD"


class NesterovSolver(Solver):
    type = "Nesterov"


class AdaGradSolver(Solver):
    type = "AdaGrad"


class RMSPropSolver(Solver):
    type = "RMSProp"


class AdaDeltaSolver(Solver):
    type = "AdaDelta"


class AdamSolver(Solver):
    type = "Adam"
