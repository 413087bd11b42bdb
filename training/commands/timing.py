"""`python -m training time`: how long each layer's forward and backward pass takes, as `caffe time`."""

from __future__ import annotations

import argparse
from functools import partial
from time import perf_counter

from .net_options import add_iterations, add_net_options, check_iterations, make_net

EXAMPLE = "./moka time --model prototxt/AgeNet/train_test.prototxt --iterations 10"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Caffe's own options."""
    add_net_options(parser, phase="TRAIN")
    add_iterations(parser)


def main(options: argparse.Namespace) -> None:
    """Log the mean times of every layer, and of the whole net."""
    check_iterations(options)
    from ..nets.layerwise import Layerwise
    from ..solvers.record import log as log_line

    log = partial(log_line, source="caffe.cpp:1")
    net = make_net(options, options.phase)
    passes = Layerwise(net)
    log("Performing Forward")
    log(f"Initial loss: {passes.forward():g}")
    log("Performing Backward")
    passes.backward()
    log("*** Benchmark begins ***")
    log(f"Testing for {options.iterations} iterations.")
    forward, backward = [0.0] * len(net.layers), [0.0] * len(net.layers)
    begun = perf_counter()
    for iteration in range(options.iterations):
        iteration_begun = perf_counter()
        passes.forward()
        passes.backward()
        forward = [a + b for a, b in zip(forward, passes.forward_seconds, strict=True)]
        backward = [a + b for a, b in zip(backward, passes.backward_seconds, strict=True)]
        log(f"Iteration: {iteration + 1} forward-backward time: {1000 * (perf_counter() - iteration_begun):g} ms.")
    total = 1000 * (perf_counter() - begun)
    net.close()
    each = 1000 / options.iterations
    log("Average time per layer: ")
    for layer, *times in zip(net.layers, forward, backward, strict=True):
        for what, seconds in zip(("forward", "backward"), times, strict=True):
            log(f"{layer.name:>10}\t{what}: {seconds * each:g} ms.")
    log(f"Average Forward pass: {sum(forward) * each:g} ms.")
    log(f"Average Backward pass: {sum(backward) * each:g} ms.")
    log(f"Average Forward-Backward: {total / options.iterations:g} ms.")
    log(f"Total Time: {total:g} ms.")
    log("*** Benchmark ends ***")
