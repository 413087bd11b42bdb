"""Layers that change each number by itself: ReLU, PReLU, ELU, Sigmoid, TanH, Power, Dropout."""

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


def power(layer: Layer, inputs: list[Output]) -> list[Output]:
    """(shift + scale * x) ^ power, without the steps that change nothing."""
    param = layer.parameter.power_param
    top = inputs[0]
    if param.scale != 1:
        top = op.multiply(top, constant(param.scale)).output(0)
    if param.shift != 0:
        top = op.add(top, constant(param.shift)).output(0)
    if param.power != 1:
        top = op.power(top, constant(param.power)).output(0)
    return [top]


def dropout(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Nothing: Caffe scales while training, so the TEST phase passes its bottom on."""
    return inputs
