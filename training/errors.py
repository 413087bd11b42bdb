"""The errors of this room.

MokaError
└── TrainingError      a net, solver or run that cannot go on
    ├── LayerError     a layer that is unknown, or whose settings or bottoms do not fit
    └── EngineError    the tool chain's Caffe is missing or failed
"""

from __future__ import annotations

from caffe_io.errors import MokaError


class TrainingError(MokaError):
    """A net, a solver or a run that cannot go on."""


class LayerError(TrainingError):
    """A layer type that is unknown, or a layer whose settings or bottoms do not fit."""


class EngineError(TrainingError):
    """The tool chain's Caffe is missing or failed."""
