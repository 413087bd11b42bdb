"""Activation functions of each number: ReLU and its variants, Sigmoid, TanH, Swish, BNLL, Threshold, Dropout."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from .layer import TrainedLayer, constant, shape


def relu(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute max(0, x), or negative_slope * x below zero."""
    slope = layer.parameter.relu_param.negative_slope
    if slope == 0:
        return [op.relu(inputs[0]).output(0)]
    return [op.prelu(inputs[0], constant([slope])).output(0)]


def relu6(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute min(6, relu(x)); a fork's layer."""
    return [op.minimum(relu(layer, inputs)[0], constant(6.0)).output(0)] if _leaks(layer) else _between(inputs, 0, 6)


def clip(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Clamp x to `min` and `max`."""
    param = layer.parameter.clip_param
    if not param.IsInitialized() or param.min > param.max:
        raise layer.error("clip_param needs a min and a max that is no smaller.")
    return _between(inputs, param.min, param.max)


def prelu(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Multiply x below zero by a trained slope: one for each channel, or one for all (channel_shared)."""
    expected = () if layer.parameter.prelu_param.channel_shared else (shape(inputs[0])[1],)
    return [op.prelu(inputs[0], constant(layer.weight(0, *expected).reshape(-1))).output(0)]


def elu(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute alpha * (exp(x) - 1) below zero."""
    return [op.elu(inputs[0], layer.parameter.elu_param.alpha).output(0)]


def sigmoid(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute 1 / (1 + exp(-x))."""
    return [op.sigmoid(inputs[0]).output(0)]


def tanh(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute the hyperbolic tangent."""
    return [op.tanh(inputs[0]).output(0)]


def swish(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x * sigmoid(beta * x)."""
    beta = layer.parameter.swish_param.beta
    inner = inputs[0] if beta == 1 else op.multiply(inputs[0], constant(beta)).output(0)
    return [op.multiply(inputs[0], op.sigmoid(inner)).output(0)]


def bnll(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute log(1 + exp(x)) without exp of a positive number, because FP16 overflows at exp(11.1)."""
    positive = op.relu(inputs[0])
    minus_absolute = op.subtract(inputs[0], op.multiply(positive, constant(2.0)))
    rest = op.log(op.add(op.exp(minus_absolute), constant(1.0)))
    return [op.add(positive, rest).output(0)]


def threshold(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Give 1 where x is greater than the threshold, else 0."""
    above = op.greater(inputs[0], constant(layer.parameter.threshold_param.threshold))
    return [op.select(above, constant(1.0), constant(0.0)).output(0)]


def dropout(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Pass the bottom on: Caffe scales in training, so the TEST phase changes nothing; a fork may have it the other way round."""
    layer.refuse_training("drop numbers by chance")
    param = layer.parameter.dropout_param
    if param.scale_train or param.dropout_ratio == 0:
        return inputs
    return [op.multiply(inputs[0], constant(1 - param.dropout_ratio)).output(0)]


def _leaks(layer: TrainedLayer) -> bool:
    return layer.parameter.relu_param.negative_slope != 0


def _between(inputs: list[Output], low: float, high: float) -> list[Output]:
    return [op.clamp(inputs[0], low, high).output(0)]
