"""`python -m training test`: run a net over batches of its test data and show the mean of each output, as `caffe test` does."""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import TYPE_CHECKING

from common.errors import UsageError

from .net_options import add_caffe_options, add_iterations, add_net_options, check_iterations, make_net, select_gpu

if TYPE_CHECKING:
    from ..nets.net import OutputValue

EXAMPLE = "./moka test --model prototxt/AgeNet/train_test.prototxt --weights models/AgeNet/AgeNet_iter_3000.caffemodel"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add Caffe's own options."""
    add_net_options(parser)
    parser.add_argument(
        "--weights", required=True, metavar="FILE[,FILE...]", help="trained .caffemodel or .caffemodel.h5"
    )
    add_iterations(parser)
    add_caffe_options(parser)


def main(options: argparse.Namespace) -> None:
    """Log each batch's outputs, then the mean loss and the mean of each output."""
    check_iterations(options)
    paths = list(filter(None, map(str.strip, options.weights.split(","))))
    if not paths:
        raise UsageError("--weights is empty; expected a caffemodel.")
    select_gpu(options.gpu)
    import torch

    from ..errors import TrainingError
    from ..solvers.caffe_log import log_line, loss_note

    log = partial(log_line, source="caffe.cpp:1")
    net = make_net(options, "TEST")
    net.load_all(*paths)
    log(f"Running for {options.iterations} iterations.")
    losses: list[float] = []
    batches: list[list[OutputValue]] = []
    with torch.inference_mode():
        for batch in range(options.iterations):
            losses.append(float(net.forward(keep=())))
            batches.append(net.results())
            for output in batches[-1]:
                log(f"Batch {batch}, {output.name} = {output.value:g}")
    net.close()
    log(f"Loss: {sum(losses) / len(losses):g}")
    for outputs in zip(*batches, strict=True):
        mean = sum(output.value for output in outputs) / len(outputs)
        log(f"{outputs[0].name} = {mean:g}{loss_note(outputs[0].loss_weight, mean)}")
    if not all(map(math.isfinite, losses)):
        raise TrainingError(
            f"{options.model}: the loss is not finite, though all weights are. Look for NaN, infinite or very large numbers in "
            "its data, and for a Power, Log or Exp layer that makes them."
        )
