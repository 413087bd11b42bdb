"""Layers that reduce many numbers to one or a few: Reduction, ArgMax."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import ReductionParameter

from .arithmetic import absolute
from .layer import TrainedLayer, axis_of, constant, integers, reshaped, shape


def reduction(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute coeff times the sum (of the numbers, their absolute values or their squares) or the mean, from `axis` on."""
    param = layer.parameter.reduction_param
    x, dims = inputs[0], shape(inputs[0])
    axis = axis_of(layer, param.axis, len(dims))
    if param.operation == ReductionParameter.ASUM:
        x = absolute(x)
    elif param.operation == ReductionParameter.SUMSQ:
        x = op.multiply(x, x).output(0)
    rows = reshaped(x, [math.prod(dims[:axis]), math.prod(dims[axis:])])
    reduce = op.reduce_mean if param.operation == ReductionParameter.MEAN else op.reduce_sum
    top = reduce(rows, integers([1]), True).output(0)
    if param.coeff != 1:
        top = op.multiply(top, constant(param.coeff)).output(0)
    return [reshaped(top, dims[:axis])]


def arg_max(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Find the top_k greatest numbers along `axis`: their indices, or with out_max_val the numbers themselves.

    Without `axis` each item is one vector: N x 1 x top_k, or with out_max_val N x 2 x top_k (indices, numbers).
    Of equal numbers the last comes first with top_k 1, as in Caffe; with a larger top_k OpenVINO's TopK chooses.
    On a stick, indices beyond 2048 are rounded, because FP16 has no more digits.
    """
    param, dims = layer.parameter.argmax_param, shape(inputs[0])
    along = axis_of(layer, param.axis, len(dims)) if param.HasField("axis") else None
    x = inputs[0] if along is not None else reshaped(inputs[0], [dims[0], math.prod(dims[1:])])
    axis = 1 if along is None else along
    if not 1 <= param.top_k <= shape(x)[axis]:
        raise layer.error(f"top_k is {param.top_k}; expected 1 to {shape(x)[axis]}, the number of values.")
    values, places = _last_greatest(x, axis) if param.top_k == 1 else _greatest(x, param.top_k, axis)
    if along is not None:
        return [values if param.out_max_val else places]
    if param.out_max_val:
        places = op.concat([places, values], 1).output(0)
    target = [dims[0], 2 if param.out_max_val else 1, param.top_k, *[1] * (len(dims) - 3)]
    return [reshaped(places, target)]


def _greatest(x: Output, count: int, axis: int) -> tuple[Output, Output]:
    """The greatest numbers and their indices, as floats."""
    best = op.topk(x, integers(count), axis, "max", "value")
    # A node of its own: the MYRIAD compiler calls an output of an operation with two results NAME.0.
    values = op.multiply(best.output(0), constant(1.0)).output(0)
    return values, op.convert(best.output(1), "f32").output(0)


def _last_greatest(x: Output, axis: int) -> tuple[Output, Output]:
    """The greatest number and its index, as a float; the last of several."""
    value = op.reduce_max(x, integers([axis]), True)
    count = shape(x)[axis]
    places = np.arange(count, dtype=np.float32).reshape(-1, *[1] * (len(shape(x)) - axis - 1))
    found = op.select(op.equal(x, value), constant(places), constant(-1.0))
    return value.output(0), op.reduce_max(found, integers([axis]), True).output(0)
