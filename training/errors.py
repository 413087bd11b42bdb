"""The errors of this room.

MokaError
└── TrainingError      a net, solver or run that cannot go on
    ├── SolverError    a solver's settings do not go together, or its net is missing
    ├── LayerError     a layer that is unknown, or whose settings or bottoms do not fit
    ├── EngineError    the tool chain's Caffe is missing or failed
    └── WorkerError    another of the processes that train together has ended
"""

from __future__ import annotations

from common.errors import MokaError


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
