"""pycaffe's names for scripts: nets and solvers as Caffe 1.0's Python interface has them, on the CPU.

    from training import pycaffe as caffe

    net = caffe.Net("prototxt/AgeNet/deploy.prototxt", caffe.TEST, weights="models/AgeNet/AgeNet_iter_3000.caffemodel")
    net.blobs["data"].data[...] = picture                 # 1 x 3 x 227 x 227, BGR, mean subtracted
    print(net.forward()["prob"])

    solver = caffe.get_solver("prototxt/AgeNet/solver.prototxt")
    solver.step(100)
    print(solver.net.blobs["loss"].data, solver.net.params["conv1"][0].data.std())

A blob that several layers take is one blob: Caffe's split layers and their blobs are not in the lists, and its diff is the
sum that Caffe's split layer makes. After `step`, a weight's diff is the step taken, as in Caffe.

There, too: `io` (load_image, resize_image, oversample, Transformer, blobs and Datums as arrays), Classifier, callbacks of nets
and solvers, Timer, and `layers`, `params`, `to_proto`, NetSpec, which write nets. A net's callbacks are called by its own
passes and by the solver's steps, not by the tests among them. Not there: Detector, Layer and Python layers, NCCL and the
functions for several GPUs (`torchrun -m training train` does that), caffe.draw and caffe.coord_map.
"""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace

from caffe_io import caffe_pb2
from caffe_io.caffe_pb2 import TEST, TRAIN
from common.commands import LOGGER

from ..layers import LAYERS
from ..solvers.record import log
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
__version__ = "1.0.0"  # the Caffe whose interface this is

proto = SimpleNamespace(caffe_pb2=caffe_pb2)


def set_mode_cpu() -> None:
    """Nothing to do: this interface computes on the CPU."""


def set_mode_gpu() -> None:
    """Only warns: this interface computes on the CPU. `python -m training train` uses a GPU if there is one."""
    logging.getLogger(LOGGER).warning("set_mode_gpu: this interface computes on the CPU.")


def set_device(device: int) -> None:
    """Nothing to do, without a GPU."""


def has_nccl() -> bool:
    """No."""
    return False


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Nothing to do: log lines go to the error stream from the beginning."""


def layer_type_list() -> list[str]:
    """The layer types there are."""
    return sorted(LAYERS)


class Timer:
    """Milliseconds between `start` and `stop`."""

    def __init__(self) -> None:
        self._begun = self._ended = 0.0

    def start(self) -> None:
        self._begun = time.perf_counter()

    def stop(self) -> None:
        self._ended = time.perf_counter()

    @property
    def ms(self) -> float:
        return (self._ended - self._begun) * 1000
