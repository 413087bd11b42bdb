"""Layers that normalise: LRN, MVN, Softmax."""

from __future__ import annotations

import math

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import LRNParameter
from common.messages import shape_text

from .layer import TrainedLayer, axis_of, constant, integers, shape

# FP16 has hardly any smaller number, and 0 / 0 must stay 0, as in Caffe.
_LEAST_EPS = 2**-23
# The MYRIAD compiler makes 0 or 2^-14 of a smaller alpha, because it stores it in FP16 without subnormal numbers.
_LEAST_ALPHA = 2.0**-14


def lrn(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x / (k + alpha / n * sum of n squares)^beta.

    The sum is over local_size neighbouring channels, or WITHIN_CHANNEL over a square of local_size pixels, where Caffe
    uses 1 for k.
    """
    param = layer.parameter.lrn_param
    if param.local_size % 2 == 0:
        raise layer.error(f"local_size {param.local_size} must be odd.")
    if param.norm_region == LRNParameter.WITHIN_CHANNEL:
        return [_within_channel(param, inputs[0])]
    if param.k <= 0:
        raise layer.error(f"k is {param.k:g}; expected a number above 0.")
    return [across_channels(inputs[0], param.local_size, param.alpha, param.beta, param.k)]


def across_channels(x: Output, size: int, alpha: float, beta: float, k: float) -> Output:
    """Compute x / (k + alpha / size * sum of the squares of `size` channels)^beta."""
    # OpenVINO's CPU plugin truncates k to a whole number, so k is factored out and never passed to it.
    alpha, factor = alpha / k, k**-beta
    if 0 < alpha < _LEAST_ALPHA:
        # The squares of smaller numbers, times a larger alpha. A power of two is exact.
        smaller = 2.0 ** -math.ceil(math.log2(_LEAST_ALPHA / alpha) / 2)
        x = op.multiply(x, constant(smaller)).output(0)
        alpha, factor = alpha / smaller**2, factor / smaller
    top = op.lrn(x, integers([1]), alpha, beta, 1.0, size)
    return (top if factor == 1 else op.multiply(top, constant(factor))).output(0)


def _within_channel(param: LRNParameter, x: Output) -> Output:
    size, pad = [param.local_size] * 2, [param.local_size // 2] * 2
    squares = op.avg_pool(op.multiply(x, x), [1, 1], pad, pad, size, False, "floor")
    bracket = op.add(op.multiply(squares, constant(param.alpha)), constant(1.0))
    return op.multiply(x, op.power(bracket, constant(-param.beta))).output(0)


def mvn(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute (x - mean) / (standard deviation + eps) of each channel, or across all channels.

    With normalize_variance: false there is no division.
    """
    param = layer.parameter.mvn_param
    axes = list(range(1 if param.across_channels else 2, len(shape(inputs[0]))))
    if not axes:
        raise layer.error(f"its bottom of shape {shape_text(shape(inputs[0]))} has no axes after its channels.")
    top = op.subtract(inputs[0], op.reduce_mean(inputs[0], integers(axes), True)).output(0)
    if param.normalize_variance:
        deviation = op.sqrt(op.reduce_mean(op.multiply(top, top), integers(axes), True))
        top = op.divide(top, op.add(deviation, constant(max(param.eps, _LEAST_EPS)))).output(0)
    return [top]


def softmax(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Divide exp(x) by its sum along `axis`."""
    axis = axis_of(layer, layer.parameter.softmax_param.axis, len(shape(inputs[0])))
    return [op.softmax(inputs[0], axis).output(0)]
