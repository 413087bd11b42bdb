"""The nets that a solver names: one to train, any number to test, each with its state."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, NetState, Phase, SolverParameter
from caffe_io.prototxt import read_net

from ..errors import SolverError
from ..nets.loading import layers_left_out, names_text
from ..nets.net import Net


@dataclass(frozen=True)
class _Source:
    """A net's description, and the file or field that it is from, for messages."""

    param: NetParameter
    path: str


def make_train_net(solver: SolverParameter, device: torch.device, seed: int, make_net: Callable[..., Net] = Net) -> Net:
    """Make the net that one of net, net_param, train_net, train_net_param describes, in state TRAIN plus train_state.

    Raises SolverError unless exactly one of them is set, and if its file is missing.
    """
    sources = _sources(solver, ("train_net_param", "train_net", "net_param", "net"))
    if len(sources) != 1:
        raise SolverError(
            f"the solver names {len(sources)} nets to train; expected exactly one of net, net_param, train_net, train_net_param."
        )
    return _make(sources[0], TRAIN, solver.train_state, device, seed, make_net)


def make_test_nets(
    solver: SolverParameter, device: torch.device, seed: int, make_net: Callable[..., Net] = Net
) -> list[Net]:
    """Make a net for each test_iter: first those of test_net_param and test_net, then the shared net in state TEST.

    Raises SolverError if their numbers do not fit, or if a file is missing.
    """
    sources = [_Source(param, "test_net_param") for param in solver.test_net_param]
    sources += [_read("test_net", path) for path in solver.test_net]
    shared = _sources(solver, ("net_param", "net"))
    count = len(solver.test_iter)
    if shared:
        sources += [shared[0]] * (count - len(sources))
    if len(sources) != count:
        raise SolverError(f"the solver has {count} test_iter for {len(sources)} test nets; expected one for each.")
    if solver.test_state and len(solver.test_state) != count:
        raise SolverError(
            f"the solver has {len(solver.test_state)} test_state for {count} test nets; expected one for each, or no test_state."
        )
    if any(batches < 1 for batches in solver.test_iter):
        raise SolverError(
            f"the solver's test_iter is {min(solver.test_iter)}; expected at least 1. Leave it out to train without tests."
        )
    if count and solver.test_interval < 1:
        raise SolverError(
            "the solver has test_iter but no test_interval. Set the number of iterations between two tests."
        )
    states = list(solver.test_state) or [NetState()] * count
    return [_make(source, TEST, state, device, seed, make_net) for source, state in zip(sources, states, strict=True)]


def load_weights(names: str, net: Net, test_nets: Sequence[Net], report: Callable[[str], None]) -> None:
    """Load the weights of these caffemodels, separated by commas, into all nets; report which layers took them."""
    copied: set[str] = set()
    for path in filter(None, map(str.strip, names.split(","))):
        report(f"Finetuning from {path}")
        loaded = net.load(path, finite=True)
        for other in test_nets:
            other.load(path, finite=True)
        copied.update(loaded.copied)
        report(f"Copied the weights of {names_text(loaded.copied)}")
        if loaded.ignored:
            report(f"Ignored, because the net has no such layers: {names_text(loaded.ignored)}")
    if new := layers_left_out(net.layers, copied):
        report(f"Training from scratch: {names_text(layer.name for layer in new)}")


def choose_seed(solver: SolverParameter) -> int:
    """Return the solver's random_seed, or a random one if it has none."""
    return solver.random_seed if solver.random_seed >= 0 else int.from_bytes(os.urandom(4), "little")


def _sources(solver: SolverParameter, fields: tuple[str, ...]) -> list[_Source]:
    """Return the nets that those of `fields` that are set describe."""
    sources = []
    for field in fields:
        if solver.HasField(field):  # type: ignore[arg-type]
            value = getattr(solver, field)
            sources.append(_Source(value, field) if field.endswith("param") else _read(field, value))
    return sources


def _read(field: str, path: str) -> _Source:
    if not path or not Path(path).exists():
        raise SolverError(
            f'the solver\'s {field} is "{path}", but there is no such file. '
            f"File names are relative to the folder where the command runs: {Path.cwd()}."
        )
    return _Source(read_net(path), path)


def _make(
    source: _Source,
    phase: Phase.ValueType,
    extra: NetState,
    device: torch.device,
    seed: int,
    make_net: Callable[..., Net],
) -> Net:
    state = NetState(phase=phase)
    state.MergeFrom(source.param.state)
    state.MergeFrom(extra)
    return make_net(source.param, state.phase, source.path, device, seed, state.level, tuple(state.stage))
