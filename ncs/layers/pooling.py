"""Pooling with Caffe's window rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import PoolingParameter
from caffe_io.windows import PoolingWindow, WindowError, pooling_window
from common.messages import shape_text

from .average import Averages, average
from .forks.unpooling import first_maxima
from .layer import TrainedLayer, constant, integers, shape

# The smallest normal number of FP16.
_TINY = 2**-14


def pooling(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Pool by MAX, AVE or STOCHASTIC. A second top of MAX is what forks.unpooling says, for Upsample.

    As in Caffe, an AVE window counts the zeros of the padding, but nothing beyond it.
    """
    param = layer.parameter.pooling_param
    masked = len(layer.parameter.top) > 1
    if masked and param.pool != PoolingParameter.MAX:
        raise layer.error("has a second top; only MAX has one (the index of the maximum).")
    try:
        window = pooling_window(param, shape(inputs[0]))
    except WindowError as error:
        raise layer.error(str(error)) from error
    size = shape(inputs[0])[2:]
    outside = window.outside(size)
    if any(outside):
        _check_outside(layer, window, size)
    starts = [start - s * out for start, s, out in zip(window.starts, window.stride, outside, strict=True)]
    # How far the last window reaches past the padding; negative if it leaves some of it unused.
    beyond = [
        start + kernel - (extent + 2 * pad)
        for start, kernel, extent, pad in zip(starts, window.kernel, size, window.pad, strict=True)
    ]
    if param.pool == PoolingParameter.MAX:
        top = _maximum(inputs[0], window, beyond)
        return [top, first_maxima(layer, inputs[0], top, window)] if masked else [top]
    inside = [count - out for count, out in zip(window.counts, outside, strict=True)]
    windows = Averages(replace(window, counts=(inside[0], inside[1])), (size[0], size[1]), (beyond[0], beyond[1]))
    if param.pool == PoolingParameter.STOCHASTIC:
        layer.refuse_training("choose by chance")
        return [_weighted_mean(inputs[0], windows)]
    top = average(inputs[0], windows)
    if any(outside):
        # An average of no numbers is 0 in Caffe.
        around = integers([0] * 4), integers([0, 0, *map(int, outside)])
        top = op.pad(top, *around, "constant", constant(0.0)).output(0)
    return [top]


def _check_outside(layer: TrainedLayer, window: PoolingWindow, size: Sequence[int]) -> None:
    """Refuse a last window outside the bottom, unless Caffe makes 0 of it."""
    at_edge = any(start == extent for start, extent in zip(window.starts, size, strict=True))
    if layer.parameter.pooling_param.pool == PoolingParameter.AVE and not at_edge:
        return
    raise layer.error(
        f"with stride {shape_text(window.stride)} the last window of {shape_text(window.kernel)} lies outside its bottom of "
        f"{shape_text(size)}, and Caffe computes no number from it (-FLT_MAX, or NaN). "
        "Choose a stride that is no larger than the kernel, or round_mode: FLOOR."
    )


def _maximum(x: Output, window: PoolingWindow, beyond: Sequence[int]) -> Output:
    end = [max(0, pad + more) for pad, more in zip(window.pad, beyond, strict=True)]
    return op.max_pool(x, list(window.stride), list(window.pad), end, list(window.kernel), "floor").output(0)


def _weighted_mean(x: Output, windows: Averages) -> Output:
    """What STOCHASTIC gives in the TEST phase: the sum of squares over the sum; 0 where the sum is not above 0."""
    total = average(x, windows)
    squares = average(op.multiply(x, x).output(0), windows)
    share = op.divide(squares, op.maximum(total, constant(_TINY)))
    return op.select(op.greater(total, constant(0.0)), share, constant(0.0)).output(0)
