"""Nets and solvers for scripts, with the Python interface of Caffe 1.0 (pycaffe), on the CPU.

    import caffe                                           # with PYTHONPATH=CHECKOUT/python

    net = caffe.Net("prototxt/AgeNet/deploy.prototxt", caffe.TEST, weights="models/AgeNet/AgeNet_iter_3000.caffemodel")
    net.blobs["data"].data[...] = picture                 # 1 x 3 x 227 x 227, BGR, mean subtracted
    print(net.forward()["prob"])

    solver = caffe.get_solver("prototxt/AgeNet/solver.prototxt")
    solver.step(100)
    print(solver.net.blobs["loss"].data, solver.net.params["conv1"][0].data.std())

python/caffe is that module; here is its code. docs/pycaffe.md says what is there and what is not.
"""

from __future__ import annotations

import logging
import time
from typing import NoReturn

from caffe_io.caffe_pb2 import TEST, TRAIN
from common.commands import LOGGER

from ..layers import LAYERS
from ..layers.blob import Blob, BlobVec
from ..layers.python_layer import ScriptLayer as Layer
from . import io as io
from . import proto as proto
from .classifier import Classifier
from .detector import Detector
from .errors import PycaffeRuntimeError
from .glog import init_log
from .glog import log_info as log
from .net import Net
from .net_spec import NetSpec, layers, params, to_proto
from .seeds import set_random_seed
from .solver import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    Solver,
    get_solver,
)

__all__ = [
    "NCCL",
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "BlobVec",
    "Classifier",
    "Detector",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "Timer",
    "get_solver",
    "has_nccl",
    "init_log",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "params",
    "proto",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
]

__version__ = "1.0.0"
"""The version of Caffe whose interface this is."""


def set_mode_cpu() -> None:
    """Do nothing: this interface always computes on the CPU."""


def set_mode_gpu() -> None:
    """Warn that this interface computes on the CPU. `./moka train` uses a GPU if there is one."""
    logging.getLogger(LOGGER).warning(
        "set_mode_gpu: this interface computes on the CPU. To use a GPU, run: ./moka train."
    )


def set_device(device: int) -> None:
    """Do nothing: no GPU is used."""


def has_nccl() -> bool:
    """Return False: there is no NCCL here."""
    return False


class NCCL:
    """Not here: several processes train with torchrun."""

    def __init__(self, solver: Solver, uid: bytes) -> None:
        _refuse_nccl()

    @staticmethod
    def new_uid() -> NoReturn:
        """Raise PycaffeRuntimeError."""
        _refuse_nccl()


def _refuse_nccl() -> NoReturn:
    raise PycaffeRuntimeError(
        "NCCL: several GPUs do not train from a script here. Run: torchrun --standalone --nproc-per-node N moka train."
    )


def solver_count() -> int:
    """Return 1: a script's solver is alone."""
    return 1


def solver_rank() -> int:
    """Return 0: a script's solver is the first, and alone."""
    return 0


def set_solver_count(count: int) -> None:
    """Raise PycaffeRuntimeError unless `count` is 1."""
    if count != 1:
        _refuse_nccl()


def set_solver_rank(rank: int) -> None:
    """Raise PycaffeRuntimeError unless `rank` is 0."""
    if rank != 0:
        _refuse_nccl()


def set_multiprocess(several: bool) -> None:
    """Raise PycaffeRuntimeError if `several` is set."""
    if several:
        _refuse_nccl()


def layer_type_list() -> list[str]:
    """Return the names of all layer types."""
    return sorted([*LAYERS, "Python"])


class Timer:
    """Measures the milliseconds between `start` and `stop`."""

    def __init__(self) -> None:
        self._started = 0.0
        self._stopped = 0.0

    def start(self) -> None:
        """Start measuring."""
        self._started = time.perf_counter()

    def stop(self) -> None:
        """Stop measuring."""
        self._stopped = time.perf_counter()

    @property
    def ms(self) -> float:
        """The milliseconds measured."""
        return (self._stopped - self._started) * 1000
