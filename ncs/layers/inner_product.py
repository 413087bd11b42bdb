"""InnerProduct: the fully connected layer."""

from __future__ import annotations

import math

import openvino.opset1 as op
from openvino import Output

from .layer import TrainedLayer, axis_of, constant, per_channel, reshaped, shape


def inner_product(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x W^T + b over the axes from `axis` on, flattened; with `transpose`, W is stored transposed."""
    param = layer.parameter.inner_product_param
    dims = shape(inputs[0])
    axis = axis_of(layer, param.axis, len(dims))
    features = math.prod(dims[axis:])
    rows = [math.prod(dims[:axis]), features]
    expected = (features, param.num_output) if param.transpose else (param.num_output, features)
    flat = inputs[0] if list(dims) == rows else reshaped(inputs[0], rows)
    top = op.matmul(flat, constant(layer.weight(0, *expected)), False, not param.transpose)
    if param.bias_term:
        top = op.add(top, per_channel(layer.weight(1, param.num_output), 2))
    if axis != 1:
        return [reshaped(top.output(0), [*dims[:axis], param.num_output])]
    return [top.output(0)]
