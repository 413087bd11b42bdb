"""Which nets a solver names: one to train, any number to test, each with its state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, NetState, Phase, SolverParameter
from caffe_io.prototxt import read_net

from ..errors import SolverError
from ..nets.net import Net


@dataclass(frozen=True)
class _Source:
    param: NetParameter
    path: str


def make_train_net(solver: SolverParameter, device: torch.device, seed: int) -> Net:
    """The net that exactly one of net, net_param, train_net, train_net_param gives, in state TRAIN plus train_state."""
    sources = _sources(solver, ("train_net_param", "train_net", "net_param", "net"))
    if len(sources) != 1:
        raise SolverError(
            f"the solver names {len(sources)} nets to train; wanted exactly one of net, net_param, train_net, train_net_param."
        )
    return _make(sources[0], TRAIN, solver.train_state, device, seed)


def make_test_nets(solver: SolverParameter, device: torch.device, seed: int) -> list[Net]:
    """One net for each test_iter: first those of test_net_param and test_net, then the common net in state TEST."""
    sources = [_Source(param, "test_net_param") for param in solver.test_net_param]
    sources += [_read("test_net", path) for path in solver.test_net]
    common = _sources(solver, ("net_param", "net"))
    wanted = len(solver.test_iter)
    if common:
        sources += [common[0]] * (wanted - len(sources))
    if len(sources) != wanted:
        raise SolverError(f"the solver has {wanted} test_iter for {len(sources)} test nets; wanted one for each.")
    if solver.test_state and len(solver.test_state) != wanted:
        raise SolverError(
            f"the solver has {len(solver.test_state)} test_state for {wanted} test nets; wanted none, or one for each."
        )
    if wanted and solver.test_interval < 1:
        raise SolverError("the solver has test_iter but no test_interval; say after how many iterations to test.")
    states = list(solver.test_state) or [NetState()] * wanted
    return [_make(source, TEST, state, device, seed) for source, state in zip(sources, states, strict=True)]


def _sources(solver: SolverParameter, fields: tuple[str, ...]) -> list[_Source]:
    given = [(field, getattr(solver, field)) for field in fields if solver.HasField(field)]  # type: ignore[arg-type]
    return [_Source(value, field) if field.endswith("param") else _read(field, value) for field, value in given]


def _read(field: str, path: str) -> _Source:
    if not Path(path).exists():
        raise SolverError(
            f'the solver\'s {field} is "{path}", which is not there. '
            f"Names of files count from the folder where the command runs: {Path.cwd()}."
        )
    return _Source(read_net(path), path)


def _make(source: _Source, phase: Phase.ValueType, extra: NetState, device: torch.device, seed: int) -> Net:
    state = NetState(phase=phase)
    state.MergeFrom(source.param.state)
    state.MergeFrom(extra)
    return Net(source.param, state.phase, source.path, device, seed, state.level, tuple(state.stage))
