"""pycaffe's solvers, around a solver of this room, which is called TorchSolver here."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.prototxt import read_solver

from ..errors import SolverError
from ..solvers.solver import Solver as TorchSolver
from ..solvers.updates import make_histories
from .glog import log_info
from .net import Net, make_net
from .seeds import next_seed


class Solver:
    """Trains step by step with the settings in a solver prototxt.

    Log lines go to stderr, and snapshots where the solver's snapshot_prefix says.
    """

    type: str | None = None
    """The solver type of SGDSolver and the like, which overrides the prototxt's."""

    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        param = read_solver(solver_file)
        if self.type:
            param.type = self.type
        if param.random_seed < 0:
            param.random_seed = next_seed()
        try:
            device = torch.device("cpu")
            self._solver = TorchSolver(param, device=device, log=log_info, make_net=make_net, goes_on_diverged=True)
        except SolverError as error:
            raise SolverError(f"{solver_file}: {error}") from error
        self.net = Net._of(self._solver.net)
        self.test_nets = [Net._of(net) for net in self._solver.test_nets]
        # The histories follow the layout of the weights, which is another by now.
        self._solver.histories = make_histories(param, self._solver.net.parameters)
        self._solver.use_layerwise(self.net._passes, [net._passes for net in self.test_nets])

    @property
    def iter(self) -> int:
        """The number of updates made."""
        return self._solver.iteration

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        return self._solver.rate()

    @property
    def param(self) -> SolverParameter:
        """The solver's settings."""
        return self._solver.param

    def step(self, iterations: int) -> None:
        """Make this many updates, with the tests, log lines and snapshots that are due."""
        self._solver.step(iterations)

    def add_callback(self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]) -> None:
        """In `step` and `solve`, call on_start before each iteration, and on_gradients_ready before its update."""
        self._solver.callbacks.append((on_start, on_gradients_ready))

    def solve(self, resume_file: str | None = None) -> None:
        """Train up to max_iter, from a solverstate if one is given. Ctrl-C ends it at once, because no signal is caught."""
        if resume_file:
            self.restore(resume_file)
        self._solver.solve()

    def apply_update(self) -> None:
        """Make an update from the weights' present diffs, for loops that call net.forward and net.backward themselves."""
        self._solver.apply_update()

    def snapshot(self) -> None:
        """Write PREFIX_iter_N.caffemodel and .solverstate now."""
        self._solver.snapshot()

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Resume from a .solverstate or .solverstate.h5."""
        self._solver.restore(str(path))

    def share_weights(self, net: Net) -> None:
        """Let `net` use the weights of the net in training."""
        net.share_with(self.net)


class SGDSolver(Solver):
    type = "SGD"


class NesterovSolver(SGDSolver):
    type = "Nesterov"


class AdaGradSolver(SGDSolver):
    type = "AdaGrad"


class RMSPropSolver(SGDSolver):
    type = "RMSProp"


class AdaDeltaSolver(SGDSolver):
    type = "AdaDelta"


class AdamSolver(SGDSolver):
    type = "Adam"


_SOLVERS: dict[str, type[Solver]] = {
    str(each.type): each
    for each in (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)
}


def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """Make the solver that a prototxt describes, of the class for its type."""
    # Solver itself refuses a type that does not exist.
    return _SOLVERS.get(read_solver(solver_file).type, Solver)(solver_file)
