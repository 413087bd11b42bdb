"""`python -m training time`: time each layer's forward and backward pass, as `caffe time` does."""

from __future__ import annotations

import argparse
from functools import partial
from time import perf_counter

from .net_options import add_caffe_options, add_iterations, add_net_options, check_iterations, make_net, select_gpu

EXAMPLE = "./moka time --model prototxt/AgeNet/train_test.prototxt --iterations 10"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add Caffe's own options."""
    add_net_options(parser, phase="TRAIN")
    add_iterations(parser)
    add_caffe_options(parser)


def main(options: argparse.Namespace) -> None:
    """Log the mean times of every layer and of the net."""
    check_iterations(options)
    select_gpu(options.gpu)
    from ..nets.layerwise import Layerwise
    from ..solvers.caffe_log import log_line

    log = partial(log_line, source="caffe.cpp:1")
    net = make_net(options, options.phase)
    passes = Layerwise(net)
    log("Performing Forward")
    log(f"Initial loss: {passes.forward():g}")
    log("Performing Backward")
    passes.backward()
    log("*** Benchmark begins ***")
    log(f"Testing for {options.iterations} iterations.")
    forward = [0.0] * len(net.layers)
    backward = [0.0] * len(net.layers)
    start = perf_counter()
    for iteration in range(options.iterations):
        iteration_start = perf_counter()
        passes.forward()
        passes.backward()
        forward = [a + b for a, b in zip(forward, passes.forward_seconds, strict=True)]
        backward = [a + b for a, b in zip(backward, passes.backward_seconds, strict=True)]
        log(f"Iteration: {iteration + 1} forward-backward time: {1000 * (perf_counter() - iteration_start):g} ms.")
    total = 1000 * (perf_counter() - start)
    net.close()
    scale = 1000 / options.iterations
    log("Average time per layer: ")
    for layer, *times in zip(net.layers, forward, backward, strict=True):
        for direction, seconds in zip(("forward", "backward"), times, strict=True):
            log(f"{layer.name:>10}\t{direction}: {seconds * scale:g} ms.")
    log(f"Average Forward pass: {sum(forward) * scale:g} ms.")
    log(f"Average Backward pass: {sum(backward) * scale:g} ms.")
    log(f"Average Forward-Backward: {total / options.iterations:g} ms.")
    log(f"Total Time: {total:g} ms.")
    log("*** Benchmark ends ***")
