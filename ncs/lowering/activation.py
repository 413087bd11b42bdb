"""Functions of each number, Softmax and attention."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
from openvino import Output

from ..layers.layer import constant, integers, shape
from .operation import Operation, is_float, made, value_of


def absolute(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute |x|, as the converter of Caffe nets does: the larger of x and -x."""
    return [op.maximum(inputs[0], op.multiply(inputs[0], constant(-1.0))).output(0)]


def negative(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute -x."""
    return [op.multiply(inputs[0], constant(-1.0)).output(0)]


def hard_sigmoid(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute min(max(alpha x + beta, 0), 1)."""
    alpha, beta = operation.number(inputs, 1), operation.number(inputs, 2)
    return [op.clamp(op.add(op.multiply(inputs[0], constant(alpha)), constant(beta)), 0.0, 1.0).output(0)]


def hsigmoid(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute min(max(x + 3, 0), 6) / 6."""
    return [op.multiply(op.clamp(op.add(inputs[0], constant(3.0)), 0.0, 6.0), constant(1 / 6)).output(0)]


def swish(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute x * sigmoid(beta x), where beta is one constant number."""
    beta = operation.number(inputs, 1, 1.0)
    return made("opset4", "Swish", [inputs[0]] if beta == 1 else [inputs[0], constant(beta)], {})


def gelu(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute x * Phi(x), with the error function or, if the operation says so, with tanh."""
    x = inputs[0]
    if str(operation.attributes.get("approximation_mode", "ERF")).upper() == "TANH":
        cube = op.multiply(op.multiply(x, x), x)
        inner = op.multiply(op.add(x, op.multiply(cube, constant(0.044715))), constant(math.sqrt(2 / math.pi)))
        curve = op.tanh(inner)
    else:
        curve = op.erf(op.multiply(x, constant(math.sqrt(0.5))))
    return [op.multiply(op.multiply(x, constant(0.5)), op.add(curve, constant(1.0))).output(0)]


def softsign(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute x / (1 + |x|)."""
    size = absolute(operation, inputs)[0]
    return [op.divide(inputs[0], op.add(size, constant(1.0))).output(0)]


def selu(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute scale * ELU(x) with the operation's alpha."""
    alpha, scale = operation.number(inputs, 1), operation.number(inputs, 2)
    return [op.multiply(op.elu(inputs[0], alpha), constant(scale)).output(0)]


def prelu(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute PReLU. Slopes that are not one number for each channel become max(x, 0) + slope * min(x, 0)."""
    x, slopes = inputs
    dims, values = shape(x), value_of(slopes)
    if values is not None:
        full = np.asarray(values, np.float32)
        if full.size == 1:
            return [op.prelu(x, constant(full.reshape(1))).output(0)]
        if len(dims) > 1 and full.size == dims[1] and (full.ndim == 1 or _is_channels(full.shape, len(dims))):
            return [op.prelu(x, constant(full.ravel())).output(0)]
    low = op.multiply(slopes, op.minimum(x, constant(0.0)))
    return [op.add(op.relu(x), low).output(0)]


def _is_channels(dims: tuple[int, ...], axes: int) -> bool:
    """Whether a shape that is broadcast to `axes` axes varies over axis 1 only."""
    padded = (1,) * (axes - len(dims)) + tuple(dims)
    return all(size == 1 for axis, size in enumerate(padded) if axis != 1)


def softmax(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute Softmax over one axis."""
    return [op.softmax(inputs[0], int(operation.attributes["axis"]) % len(shape(inputs[0]))).output(0)]


def log_softmax(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute log(Softmax), so that small shares do not become 0 in half precision."""
    axis = integers([int(operation.attributes["axis"]) % len(shape(inputs[0]))])
    shifted = op.subtract(inputs[0], op.reduce_max(inputs[0], axis, keep_dims=True))
    total = op.reduce_sum(op.exp(shifted), axis, keep_dims=True)
    return [op.subtract(shifted, op.log(total)).output(0)]


def attention(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute softmax(scale * query key^T + mask) value, of ScaledDotProductAttention."""
    if operation.attributes.get("causal") or len(inputs) > 5:
        raise operation.error("is causal or has sinks, which is not brought down. Export the net for one fixed length.")
    query, key, value = inputs[:3]
    axes = len(shape(query))
    scale = operation.number(inputs, 4) if len(inputs) > 4 else shape(query)[-1] ** -0.5
    scores = op.matmul(op.multiply(query, constant(scale)), key, False, True).output(0)
    if len(inputs) > 3 and shape(inputs[3]):
        if not is_float(inputs[3]):
            raise operation.error("has a mask of yes and no. Export the net with a mask of numbers that are added.")
        scores = op.add(scores, inputs[3]).output(0)
    return [op.matmul(op.softmax(scores, axes - 1), value, False, False).output(0)]
