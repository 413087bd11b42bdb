"""The options that name a net and its state, shared by the verbs that run one."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_io.net_state import add_state_options, stages_of
from caffe_io.prototxt import read_net
from common.commands import LOGGER
from common.errors import UsageError
from common.gflags import add_ignored, add_log_options

if TYPE_CHECKING:
    import torch

    from ..layers import PythonCode
    from ..nets.net import Net

# Caffe's program takes the options of all its actions in each of them.
_CAFFE_OPTIONS = (
    *("solver", "model", "phase", "level", "stage", "snapshot", "weights", "iterations"),
    *("sigint_effect", "sighup_effect"),
)


def add_net_options(parser: argparse.ArgumentParser, phase: str | None = None) -> None:
    """Add --model and the state of the net; with a `phase`, also --phase with that default."""
    parser.add_argument("--model", required=True, metavar="FILE", help="net prototxt")
    add_state_options(parser, phase)


def add_iterations(parser: argparse.ArgumentParser) -> None:
    """Add --iterations, with Caffe's default."""
    parser.add_argument("--iterations", type=int, default=50, metavar="N", help="batches to run (default 50)")


def check_iterations(options: argparse.Namespace) -> None:
    """Raise UsageError unless --iterations is at least 1."""
    if options.iterations < 1:
        raise UsageError(f"--iterations {options.iterations}: expected at least 1.")


def add_caffe_options(parser: argparse.ArgumentParser) -> None:
    """Add --gpu, and what Caffe's program takes besides the parser's own options: those of its other actions and its log."""
    parser.add_argument("--gpu", default="", metavar="N", help="number of the GPU to use, if PyTorch sees several")
    add_ignored(parser, _CAFFE_OPTIONS)
    add_log_options(parser)


def select_gpu(gpu: str) -> None:
    """Let PyTorch see only the GPU with this number, as Caffe's option --gpu says it. Of several, take the first.

    Warns if there is no such GPU, or if there are several. It must be called before PyTorch looks for GPUs.
    """
    if not gpu:
        return
    if not re.fullmatch(r"all|[0-9]+(,[0-9]+)*", gpu):
        raise UsageError(f"--gpu {gpu}: expected the number of a GPU, several such as 0,1, or all.")
    several = not gpu.isdigit()
    # Workers that torchrun started share the GPUs among themselves.
    if gpu != "all" and "LOCAL_RANK" not in os.environ:
        number = int(gpu.split(",")[0])
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is None:
            os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
        else:
            # It numbers the GPUs that are left visible.
            os.environ["CUDA_VISIBLE_DEVICES"] = "".join(visible.split(",")[number : number + 1])
    logger = logging.getLogger(LOGGER)
    if choose_device().type == "cpu":
        logger.warning("--gpu %s: PyTorch sees no such GPU, so the CPU computes.", gpu)
    elif several and "LOCAL_RANK" not in os.environ:
        logger.warning(
            "--gpu %s: one process uses one GPU, with the batch_size of the prototxt. To train on several, start one process "
            "for each: torchrun --standalone --nproc-per-node N moka train ...",
            gpu,
        )


def add_python_layers(parser: argparse.ArgumentParser) -> None:
    """Add --python-layers and --python-layer."""
    code = parser.add_mutually_exclusive_group()
    code.add_argument(
        "--python-layers",
        action="store_true",
        help="run the code that the prototxt's layers of type Python name; it may do anything, so only if you trust it",
    )
    code.add_argument(
        "--python-layer",
        action="append",
        metavar="MODULE",
        help="run such code of this module alone, as the prototxt names it; may be given several times",
    )


def python_code(options: argparse.Namespace) -> PythonCode:
    """Return what these options allow. If one is given, modules of the current folder, and `caffe`, can be imported."""
    from common.places import ROOT

    from ..layers import PythonCode

    if not (options.python_layers or options.python_layer):
        return PythonCode.REFUSED
    sys.path += [str(Path.cwd()), str(ROOT / "python")]
    return PythonCode(None if options.python_layers else frozenset(options.python_layer))


def choose_device() -> torch.device:
    """Return the GPU if PyTorch sees one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_net(options: argparse.Namespace, phase: str, **settings: Any) -> Net:
    """Make the net that the options name, on the GPU if PyTorch sees one. `settings` are more arguments of Net."""
    from caffe_io.caffe_pb2 import Phase

    from ..nets.net import Net
    from ..threads import leave_busy_processors

    param = read_net(options.model)
    stages = stages_of(options)
    device = choose_device()
    leave_busy_processors(device)
    return Net(param, Phase.Value(phase), options.model, device, 0, options.level, stages, **settings)
