"""The errors of this room.

MokaError
└── TrainingError      a net, solver or run that cannot go on
    ├── SolverError    a solver's settings do not go together, or its net is missing
    ├── LayerError     a layer that is unknown, or whose settings or bottoms do not fit
    ├── EngineError    the tool chain's Caffe is missing or failed
    └── WorkerError    another of the processes that train together has ended
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from caffe_io.errors import MokaError


class TrainingError(MokaError):
    """A net, a solver or a run that cannot go on."""


class SolverError(TrainingError):
    """A solver whose settings do not go together, or whose net is missing; who read its file adds the file's name."""


class LayerError(TrainingError):
    """A layer type that is unknown, or a layer whose settings or bottoms do not fit."""


class EngineError(TrainingError):
    """The tool chain's Caffe is missing or failed."""


class WorkerError(TrainingError):
    """Another of the processes that train together has ended."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean "X"?` with the nearest of the known names, capitals not counted; empty if none is near."""
    by_small = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_small, 1)
    return f' Did you mean "{by_small[near[0]]}"?' if near else ""
