"""The options that name a net and its state, the same for all verbs that run one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from caffe_io.prototxt import read_net
from common.errors import UsageError

if TYPE_CHECKING:
    from ..nets.net import Net

_PHASES = ("TRAIN", "TEST")


def add_net_options(parser: argparse.ArgumentParser, phase: str | None = None) -> None:
    """--model, --level, --stage, and --phase with the default `phase`, if that is given."""
    parser.add_argument("--model", required=True, metavar="FILE", help="net prototxt")
    if phase:
        parser.add_argument("--phase", choices=_PHASES, default=phase, help=f"default {phase}")
    parser.add_argument("--level", type=int, default=0, metavar="N", help="level of the net's state (default 0)")
    parser.add_argument("--stage", default="", metavar="NAME[,NAME...]", help="stages of the net's state")


def add_iterations(parser: argparse.ArgumentParser) -> None:
    """--iterations, Caffe's default."""
    parser.add_argument("--iterations", type=int, default=50, metavar="N", help="batches to run (default 50)")


def check_iterations(options: argparse.Namespace) -> None:
    """Raise UsageError unless --iterations is at least 1."""
    if options.iterations < 1:
        raise UsageError(f"--iterations {options.iterations}: wanted at least 1.")


def make_net(options: argparse.Namespace, phase: str) -> Net:
    """The net that the options name, on the GPU if PyTorch sees one."""
    import torch

    from caffe_io.caffe_pb2 import Phase

    from ..nets.net import Net

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stages = tuple(filter(None, options.stage.split(",")))
    return Net(read_net(options.model), Phase.Value(phase), options.model, device, 0, options.level, stages)
