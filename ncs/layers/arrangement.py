"""Layers that join, part or reshape blobs: Eltwise, Concat, Split, Flatten, Reshape."""

from __future__ import annotations

import functools
import math

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import EltwiseParameter

from .layer import Layer, axis_of, constant, reshaped, shape

_ELTWISE = {EltwiseParameter.PROD: op.multiply, EltwiseParameter.SUM: op.add, EltwiseParameter.MAX: op.maximum}


def eltwise(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Product, (weighted) sum or maximum of bottoms of one shape."""
    param = layer.parameter.eltwise_param
    if len({shape(bottom) for bottom in inputs}) != 1:
        raise layer.error(f"bottoms of shapes {[shape(bottom) for bottom in inputs]}; wanted one shape for all.")
    if param.coeff:
        if param.operation != EltwiseParameter.SUM or len(param.coeff) != len(inputs):
            raise layer.error(f"{len(param.coeff)} coeff for {len(inputs)} bottoms; wanted one each, and SUM.")
        weighted = zip(inputs, param.coeff, strict=True)
        inputs = [b if c == 1 else op.multiply(b, constant(c)).output(0) for b, c in weighted]
    join = _ELTWISE[param.operation]
    return [functools.reduce(lambda left, right: join(left, right).output(0), inputs)]


def concat(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Bottoms one after the other along `axis` (or the older concat_dim)."""
    param = layer.parameter.concat_param
    axis = param.concat_dim if param.HasField("concat_dim") else param.axis
    return [op.concat(inputs, axis_of(layer, axis, len(shape(inputs[0])))).output(0)]


def split(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The same blob under several names."""
    return inputs * len(layer.parameter.top)


def flatten(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The axes from `axis` to `end_axis` made one."""
    param = layer.parameter.flatten_param
    dims = shape(inputs[0])
    first, last = axis_of(layer, param.axis, len(dims)), axis_of(layer, param.end_axis, len(dims))
    if last < first:
        raise layer.error(f"end_axis {param.end_axis} comes before axis {param.axis}.")
    return [reshaped(inputs[0], [*dims[:first], math.prod(dims[first : last + 1]), *dims[last + 1 :]])]


def reshape(layer: Layer, inputs: list[Output]) -> list[Output]:
    """`num_axes` axes from `axis` on replaced by `shape`, in which 0 copies an axis and one -1 takes what is left."""
    param = layer.parameter.reshape_param
    dims = shape(inputs[0])
    start = axis_of(layer, param.axis, len(dims) + 1)
    end = len(dims) if param.num_axes == -1 else start + param.num_axes
    new = list(param.shape.dim)
    if end > len(dims) or new.count(-1) > 1 or any(d == 0 and start + i >= len(dims) for i, d in enumerate(new)):
        raise layer.error(f"shape {new} at axis {param.axis} cannot replace axes of a bottom of shape {list(dims)}.")
    new = [dims[start + i] if dim == 0 else dim for i, dim in enumerate(new)]
    wanted = [*dims[:start], *new, *dims[end:]]
    if -1 in wanted:
        rest = -math.prod(wanted)
        wanted[wanted.index(-1)] = math.prod(dims) // rest if rest else 0
    if math.prod(wanted) != math.prod(dims):
        raise layer.error(f"a bottom of shape {list(dims)} does not fill the shape {wanted}.")
    return [reshaped(inputs[0], wanted)]
