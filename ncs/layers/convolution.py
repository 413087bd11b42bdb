"""Convolution: groups, dilation, rectangular kernels."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import ConvolutionParameter

from ..errors import times
from .layer import Layer, constant, per_channel, shape


def convolution(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Cross-correlation over height and width; the output size is rounded down, as in Caffe."""
    param = layer.parameter.convolution_param
    if len(shape(inputs[0])) != 4 or param.axis not in (1, -3):
        raise layer.error(
            f"bottom of shape {times(shape(inputs[0]))}, axis {param.axis}; wanted N x C x H x W, axis 1."
        )
    kernel = height_width(layer, param, "kernel_size", "kernel")
    stride = height_width(layer, param, "stride", "stride", 1)
    pad = height_width(layer, param, "pad", "pad", 0)
    dilation = height_width(layer, param, "dilation", "", 1)
    channels, group = shape(inputs[0])[1], param.group
    if group < 1 or channels % group or param.num_output % group:
        raise layer.error(f"group {group} divides not both its {channels} inputs and its {param.num_output} outputs.")
    weights = layer.weight(0, param.num_output, channels // group, *kernel)
    if group == 1:
        top = op.convolution(inputs[0], constant(weights), stride, pad, pad, dilation)
    else:
        grouped = weights.reshape(group, param.num_output // group, *weights.shape[1:])
        top = op.group_convolution(inputs[0], constant(grouped), stride, pad, pad, dilation)
    if param.bias_term:
        top = op.add(top, per_channel(layer.weight(1, param.num_output), 4))
    return [top.output(0)]


def height_width(
    layer: Layer, param: ConvolutionParameter, both: str, single: str, default: int | None = None
) -> list[int]:
    """[height, width] of a setting that Caffe takes as one repeated field (`both`) or as `single`_h and `single`_w."""
    if single and (param.HasField(f"{single}_h") or param.HasField(f"{single}_w")):  # type: ignore[arg-type]
        if getattr(param, both):
            raise layer.error(f"has {both} and {single}_h/{single}_w; Caffe takes one or the other.")
        return [getattr(param, f"{single}_h"), getattr(param, f"{single}_w")]
    values = list(getattr(param, both)) or ([] if default is None else [default])
    if len(values) not in (1, 2):
        raise layer.error(f"has {len(values)} values for {both}; wanted one, or two (height, width).")
    return [values[0], values[-1]]
