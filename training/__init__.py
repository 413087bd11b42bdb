"""Caffe's nets, layers, solvers and snapshots, computed by PyTorch.

Public are `Net`, `Solver`, the errors, and the package `pycaffe` (`from training import pycaffe as caffe`). Net and Solver are
loaded when they are first used, because `import training` must not load PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .errors import DivergedError, EngineError, LayerError, SolverError, TrainingError, WorkerError

if TYPE_CHECKING:
    from .nets.net import Net
    from .solvers.solver import Solver

__all__ = ["DivergedError", "EngineError", "LayerError", "Net", "Solver", "SolverError", "TrainingError", "WorkerError"]

_LOADED_LATER = {"Net": ".nets.net", "Solver": ".solvers.solver"}


def __getattr__(name: str) -> object:
    if name not in _LOADED_LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LOADED_LATER[name], __name__), name)
