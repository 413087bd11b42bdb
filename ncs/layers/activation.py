"""Layers that bend each number by itself: ReLU and its kin, Sigmoid, TanH, Swish, BNLL, Threshold, Dropout."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from .layer import Layer, constant, shape


def relu(layer: Layer, inputs: list[Output]) -> list[Output]:
    """max(0, x), or negative_slope * x below zero."""
    slope = layer.parameter.relu_param.negative_slope
    if slope == 0:
        return [op.relu(inputs[0]).output(0)]
    return [op.prelu(inputs[0], constant([slope])).output(0)]


def relu6(layer: Layer, inputs: list[Output]) -> list[Output]:
    """min(6, relu(x)); the forks' layer."""
    return [op.minimum(relu(layer, inputs)[0], constant(6.0)).output(0)] if _leaks(layer) else _between(inputs, 0, 6)


def clip(layer: Layer, inputs: list[Output]) -> list[Output]:
    """x, but at least `min` and at most `max`."""
    param = layer.parameter.clip_param
    if not param.IsInitialized() or param.min > param.max:
        raise layer.error("clip_param needs a min and a max that is not smaller.")
    return _between(inputs, param.min, param.max)


def prelu(layer: Layer, inputs: list[Output]) -> list[Output]:
    """x below zero times a trained slope, one for each channel or one for all (channel_shared)."""
    wanted = () if layer.parameter.prelu_param.channel_shared else (shape(inputs[0])[1],)
    return [op.prelu(inputs[0], constant(layer.weight(0, *wanted).reshape(-1))).output(0)]


def elu(layer: Layer, inputs: list[Output]) -> list[Output]:
    """alpha * (exp(x) - 1) below zero."""
    return [op.elu(inputs[0], layer.parameter.elu_param.alpha).output(0)]


def sigmoid(layer: Layer, inputs: list[Output]) -> list[Output]:
    """1 / (1 + exp(-x))."""
    return [op.sigmoid(inputs[0]).output(0)]


def tanh(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Hyperbolic tangent."""
    return [op.tanh(inputs[0]).output(0)]


def swish(layer: Layer, inputs: list[Output]) -> list[Output]:
    """x * sigmoid(beta * x)."""
    beta = layer.parameter.swish_param.beta
    inner = inputs[0] if beta == 1 else op.multiply(inputs[0], constant(beta)).output(0)
    return [op.multiply(inputs[0], op.sigmoid(inner)).output(0)]


def bnll(layer: Layer, inputs: list[Output]) -> list[Output]:
    """log(1 + exp(x)), written so that exp meets no positive number: FP16 ends at exp(11)."""
    positive = op.relu(inputs[0])
    distance = op.subtract(inputs[0], op.multiply(positive, constant(2.0)))  # -|x|
    rest = op.log(op.add(op.exp(distance), constant(1.0)))
    return [op.add(positive, rest).output(0)]


def threshold(layer: Layer, inputs: list[Output]) -> list[Output]:
    """1 where x is greater than the threshold, else 0."""
    above = op.greater(inputs[0], constant(layer.parameter.threshold_param.threshold))
    return [op.select(above, constant(1.0), constant(0.0)).output(0)]


def dropout(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Nothing: Caffe scales while training, so the TEST phase passes its bottom on."""
    layer.refuse_training("drop numbers by chance")
    return inputs


def _leaks(layer: Layer) -> bool:
    return layer.parameter.relu_param.negative_slope != 0


def _between(inputs: list[Output], low: float, high: float) -> list[Output]:
    return [op.clamp(inputs[0], low, high).output(0)]
