"""How many multiply-adds a stage takes: products of weights, or of two matrices, and what is computed beside them is not counted.

The unit's jobs are counted as they stand, with the channels that only fill up a block and have weights of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .data import Shape
from .kinds import UNIT
from .stage import Stage
from .unit import Job


def multiply_adds(stage: Stage) -> int:
    """Return the number of multiply-adds of one run of a stage, 0 for those that have no weights."""
    if stage.type == UNIT:
        return _unit(stage)
    count = WORK.get(stage.name)
    return 0 if count is None else count(stage)


def _unit(stage: Stage) -> int:
    total = 0
    for job in stage.jobs:
        if job.job is Job.POOLING:
            continue
        pixels = _pixels(stage.data[job.output].shape)
        if job.pooling is not None:
            # Its stride is its size.
            pixels *= job.pooling[0] * job.pooling[1]
        total += pixels * job.count * job.kernel[0] * job.kernel[1] * stage.data[job.input].shape.dim("C")
    return total


def _convolution(stage: Stage) -> int:
    return _pixels(stage.find("out").shape) * stage.find("weights").shape.size


def _transposed(stage: Stage) -> int:
    return _pixels(stage.find("in").shape) * stage.find("weights").shape.size


def _inner_product(stage: Stage) -> int:
    return stage.find("in").shape.dim("N") * stage.find("weights").shape.size


def _gemm(stage: Stage) -> int:
    a = stage.find("a").shape
    if not a.dims:
        return 0
    turned = len(a.dims) > 1 and stage.parameters.get("transpose_a")
    return stage.find("out").shape.size * a.dims[-2 if turned else -1]


def _pixels(shape: Shape) -> int:
    channels = shape.dim("C")
    return shape.size // channels if channels else 0


WORK: Mapping[str, Callable[[Stage], int]] = {
    "Conv": _convolution,
    "Im2ColConvolution": _convolution,
    "RefConvolution": _convolution,
    "ConvND": _convolution,
    "DepthConv": _convolution,
    "Deconvolution": _transposed,
    "DepthDeconv": _transposed,
    "FC": _inner_product,
    "GEMM": _gemm,
}
"""What counts the multiply-adds of the stages with this name."""
