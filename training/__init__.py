"""Caffe's nets, layers, solvers and snapshots, computed by PyTorch.

Public are `Net`, `Solver`, the errors, and the package `pycaffe` (`from training import pycaffe as caffe`). Net and Solver are
loaded when they are first used, because `import training` must not load PyTorch.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from .errors import DivergedError, EngineError, LayerError, SolverError, TrainingError, WorkerError

if TYPE_CHECKING:
    from .nets.net import Net
    from .solvers.solver import Solver

# PyTorch's OpenMP threads wait for each other some thousand times an iteration. By default each spins for milliseconds, and
# where another program has one of the processors, most of the other is spent spinning: beside one busy program training
# fell to a third, beside several to a tenth. After a short spin they sleep instead. OpenMP reads this when it is loaded, so
# it stands before PyTorch; docs/training.md has the figures.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = ["DivergedError", "EngineError", "LayerError", "Net", "Solver", "SolverError", "TrainingError", "WorkerError"]

_LOADED_LATER = {"Net": ".nets.net", "Solver": ".solvers.solver"}


def __getattr__(name: str) -> object:
    if name not in _LOADED_LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LOADED_LATER[name], __name__), name)
