"""The errors of this room.

MokaError
└── TrainingError      a net, solver or run that cannot continue
    ├── SolverError    a solver's settings contradict each other, or its net is missing
    │   └── DivergedError   the loss or the weights became NaN or infinite
    ├── LayerError     a layer's type is unknown, or its settings or bottoms do not fit
    ├── CompressError  a layer cannot be made smaller, or a goal cannot be reached
    ├── EngineError    the tool chain's Caffe is missing or failed
    └── WorkerError    another worker of a training by several processes has ended
"""

from __future__ import annotations

from common.errors import MokaError


class TrainingError(MokaError):
    """A net, a solver or a run that cannot continue."""


class SolverError(TrainingError):
    """A solver whose settings contradict each other, or whose net is missing. The caller that read its file adds the name."""


class DivergedError(SolverError):
    """The loss or the weights of a training became NaN or infinite."""


class LayerError(TrainingError):
    """A layer of an unknown type, or one whose settings or bottoms do not fit."""


class CompressError(TrainingError):
    """A layer that cannot be made smaller as asked, or a goal that cannot be reached."""


class EngineError(TrainingError):
    """The tool chain's Caffe is missing or failed."""


class WorkerError(TrainingError):
    """Another worker of a training by several processes has ended."""
