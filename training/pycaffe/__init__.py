"""Nets and solvers for scripts, with the Python interface of Caffe 1.0 (pycaffe), on the CPU.

    from training import pycaffe as caffe

    net = caffe.Net("prototxt/AgeNet/deploy.prototxt", caffe.TEST, weights="models/AgeNet/AgeNet_iter_3000.caffemodel")
    net.blobs["data"].data[...] = picture                 # 1 x 3 x 227 x 227, BGR, mean subtracted
    print(net.forward()["prob"])

    solver = caffe.get_solver("prototxt/AgeNet/solver.prototxt")
    solver.step(100)
    print(solver.net.blobs["loss"].data, solver.net.params["conv1"][0].data.std())

A blob with several consumers is one blob: Caffe's split layers and their blobs are not listed, and the blob's diff is the sum
that Caffe's split layer makes. After `step`, a weight's diff is the last update, as in Caffe.

Also here: `io` (load_image, resize_image, oversample, Transformer, blobs and Datums as arrays), Classifier, callbacks of nets
and solvers, Timer, and `layers`, `params`, `to_proto`, NetSpec, which write nets. A net's callbacks are called by its own
passes and by the solver's steps, but not by the solver's tests. Not here: Detector, Layer and Python layers, NCCL and the
functions for several GPUs (use `torchrun -m training train`), caffe.draw and caffe.coord_map.
"""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace

from caffe_io import caffe_pb2
from caffe_io.caffe_pb2 import TEST, TRAIN
from common.commands import LOGGER

from ..layers import LAYERS
from ..solvers.caffe_log import log_line as log
from . import io as io
from .blobs import Blob
from .classifier import Classifier
from .net import Net, set_random_seed
from .net_spec import NetSpec, layers, params, to_proto
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
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Classifier",
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
    "set_random_seed",
    "to_proto",
]

__version__ = "1.0.0"
"""The version of Caffe whose interface this is."""

proto = SimpleNamespace(caffe_pb2=caffe_pb2)


def set_mode_cpu() -> None:
    """Do nothing: this interface always computes on the CPU."""


def set_mode_gpu() -> None:
    """Warn that this interface computes on the CPU. `python -m training train` uses a GPU if there is one."""
    logging.getLogger(LOGGER).warning(
        "set_mode_gpu: this interface computes on the CPU. To use a GPU, run: python -m training train."
    )


def set_device(device: int) -> None:
    """Do nothing: no GPU is used."""


def has_nccl() -> bool:
    """Return False: there is no NCCL here."""
    return False


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Do nothing: log lines always go to stderr."""


def layer_type_list() -> list[str]:
    """Return the names of all layer types."""
    return sorted(LAYERS)


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
