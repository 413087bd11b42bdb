"""Operations that normalise: BatchNorm, MVN, NormalizeL2, LRN; and reductions."""

from __future__ import annotations

import numpy as np
import openvino.opset1 as op
from openvino import Output

from ..layers.layer import constant, integers, shape
from ..layers.normalisation import across_channels
from .activation import absolute
from .operation import Operation, made

_LEAST_EPS = 2**-23
"""Half precision has hardly any smaller number, and 0 / 0 must stay 0."""


def batch_norm(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Multiply and add one constant for each channel."""
    # Version 0 has gamma, beta, data, mean, variance; later ones have data first.
    order = [2, 0, 1, 3, 4] if operation.version == "opset1" else [0, 1, 2, 3, 4]
    x = inputs[order[0]]
    gamma, beta, mean, variance = (operation.numbers(inputs, index).astype(np.float64) for index in order[1:])
    factor = gamma / np.sqrt(variance + float(operation.attributes["epsilon"]))
    dims = [-1, *[1] * (len(shape(x)) - 2)]
    product = op.multiply(x, constant(factor.reshape(dims)[None]))
    return [op.add(product, constant((beta - mean * factor).reshape(dims)[None])).output(0)]


def mvn(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute (x - mean) / deviation over the axes, with simple operations."""
    found, axes = operation.attributes, len(shape(inputs[0]))
    if len(inputs) > 1:
        over = operation.axes(inputs, 1, axes)
    elif found.get("reduction_axes"):
        over = list(found["reduction_axes"])
    else:
        over = list(range(1 if found.get("across_channels") else 2, axes))
    top = op.subtract(inputs[0], op.reduce_mean(inputs[0], integers(over), True))
    if not found["normalize_variance"]:
        return [top.output(0)]
    eps = constant(max(float(found["eps"]), _LEAST_EPS))
    variance = op.reduce_mean(op.multiply(top, top), integers(over), True)
    if "inside" in str(found.get("eps_mode", "inside_sqrt")).lower():
        share = op.power(op.add(variance, eps), constant(-0.5))
    else:
        share = op.power(op.add(op.sqrt(variance), eps), constant(-1.0))
    # Not Divide: in a vision transformer, 2021.4.2's CPU plugin divided one of its normalisations by something else.
    return [op.multiply(top, share).output(0)]


def normalize_l2(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Compute x / sqrt(sum of squares + eps), or with the larger of the two."""
    axes = integers(operation.axes(inputs, 1, len(shape(inputs[0]))))
    total = op.reduce_sum(op.multiply(inputs[0], inputs[0]), axes, True)
    eps = constant(max(float(operation.attributes["eps"]), _LEAST_EPS))
    bound = op.maximum if "max" in str(operation.attributes["eps_mode"]).lower() else op.add
    return [op.multiply(inputs[0], op.power(bound(total, eps), constant(-0.5))).output(0)]


def lrn(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Normalise over neighbouring channels. The bias is factored out, as in layers/normalisation.py."""
    found = operation.attributes
    axes = operation.axes(inputs, 1, len(shape(inputs[0])))
    bias, beta = float(found["bias"]), float(found["beta"])
    if axes != [1] or bias <= 0:
        raise operation.error(f"axes {axes} and bias {bias:g}; expected axis 1 and a bias above 0.")
    return [across_channels(inputs[0], int(found["size"]), float(found["alpha"]), beta, bias)]


def reduction(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Reduce axes by sum, mean, maximum, minimum or product."""
    axes = operation.axes(inputs, 1, len(shape(inputs[0])))
    if not axes:
        return inputs[:1]
    keep = {"keep_dims": bool(operation.attributes["keep_dims"])}
    return made("opset1", operation.kind, [inputs[0], integers(axes)], keep)


def reduce_l1(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Sum the absolute values."""
    axes = integers(operation.axes(inputs, 1, len(shape(inputs[0]))))
    return [op.reduce_sum(absolute(operation, inputs)[0], axes, bool(operation.attributes["keep_dims"])).output(0)]


def reduce_l2(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Take the square root of the sum of the squares."""
    axes = integers(operation.axes(inputs, 1, len(shape(inputs[0]))))
    squares = op.multiply(inputs[0], inputs[0])
    return [op.sqrt(op.reduce_sum(squares, axes, bool(operation.attributes["keep_dims"]))).output(0)]


def top_k(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Find the k greatest or smallest numbers along an axis, and their places."""
    found = operation.attributes
    axis = int(found["axis"]) % len(shape(inputs[0]))
    count = integers(int(operation.number(inputs, 1)))
    wanted = {"axis": axis, "mode": str(found["mode"]), "sort": str(found["sort"])}
    return made("opset3", "TopK", [inputs[0], count], {**wanted, "index_element_type": "i32"})
