"""Layers that normalise: LRN, BatchNorm and its companion Scale, Softmax."""

from __future__ import annotations

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import LRNParameter

from .layer import Layer, axis_of, constant, integers, per_channel, shape


def lrn(layer: Layer, inputs: list[Output]) -> list[Output]:
    """x / (k + alpha / local_size * sum of the squares of local_size channels)^beta; OpenVINO divides alpha as well."""
    param = layer.parameter.lrn_param
    if param.norm_region != LRNParameter.ACROSS_CHANNELS:
        raise layer.error("norm_region WITHIN_CHANNEL is not known here, only ACROSS_CHANNELS.")
    if param.local_size % 2 == 0:
        raise layer.error(f"local_size {param.local_size} is even; Caffe takes odd sizes only.")
    if param.k <= 0:
        raise layer.error(f"k {param.k} is not positive.")
    # OpenVINO's CPU plugin cuts k down to a whole number, so it is taken out of the bracket and never given to it
    top = op.lrn(inputs[0], integers([1]), param.alpha / param.k, param.beta, 1.0, param.local_size)
    if param.k != 1:
        top = op.multiply(top, constant(param.k**-param.beta))
    return [top.output(0)]


def batch_norm(layer: Layer, inputs: list[Output]) -> list[Output]:
    """(x - mean) / sqrt(variance + eps) with the stored sums, which the third blob (how much was summed) divides."""
    param = layer.parameter.batch_norm_param
    if param.HasField("use_global_stats") and not param.use_global_stats:
        raise layer.error("use_global_stats: false would use the statistics of each batch; a deploy net wants true.")
    dims = shape(inputs[0])
    channels = dims[1] if len(dims) > 1 else 1
    count = layer.weight(2, 1)[0]
    factor = np.float32(0 if count == 0 else 1 / count)
    mean, variance = layer.weight(0, channels) * factor, layer.weight(1, channels) * factor
    scale = 1 / np.sqrt(variance + np.float32(param.eps))
    axis = min(1, len(dims) - 1)
    top = op.multiply(inputs[0], per_channel(scale, len(dims), axis))
    return [op.add(top, per_channel(-mean * scale, len(dims), axis)).output(0)]


def scale(layer: Layer, inputs: list[Output]) -> list[Output]:
    """x * scale (+ bias), scale and bias having the shape of the bottom's axes from `axis` on."""
    param = layer.parameter.scale_param
    if len(inputs) != 1:
        raise layer.error("a second bottom as the scale is not known here, only a trained scale.")
    dims = shape(inputs[0])
    axis = axis_of(layer, param.axis, len(dims))
    covered = dims[axis:] if param.num_axes == -1 else dims[axis : axis + param.num_axes]
    if param.num_axes > len(dims) - axis:
        raise layer.error(f"axis {param.axis} and num_axes {param.num_axes} go beyond a bottom of {len(dims)} axes.")
    top = op.multiply(inputs[0], per_channel(layer.weight(0, *covered), len(dims), axis))
    if param.bias_term:
        top = op.add(top, per_channel(layer.weight(1, *covered), len(dims), axis))
    return [top.output(0)]


def softmax(layer: Layer, inputs: list[Output]) -> list[Output]:
    """exp(x) over its sum along `axis`."""
    axis = axis_of(layer, layer.parameter.softmax_param.axis, len(shape(inputs[0])))
    return [op.softmax(inputs[0], axis).output(0)]
