"""Convolution, Deconvolution and the forks' DepthwiseConvolution: groups, dilation, rectangular kernels."""

from __future__ import annotations

from collections.abc import Callable

import openvino.opset1 as op
from openvino import Node, Output

from caffe_io.caffe_pb2 import ConvolutionParameter
from common.messages import shape_text

from .layer import Layer, constant, per_channel, shape


def convolution(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Cross-correlation over height and width; the output size is rounded down, as in Caffe. With several bottoms the
    same weights for each, one top each."""
    return [_top(layer, bottom, layer.parameter.convolution_param.group, False) for bottom in inputs]


def depthwise_convolution(layer: Layer, inputs: list[Output]) -> list[Output]:
    """A Convolution with as many groups as its bottom has channels, whatever `group` says; the forks' layer."""
    return [_top(layer, bottom, shape(bottom)[1], False) for bottom in inputs]


def deconvolution(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The gradient of a Convolution used forwards: stride spreads the pixels, pad cuts the border off."""
    return [_top(layer, bottom, layer.parameter.convolution_param.group, True) for bottom in inputs]


def _top(layer: Layer, bottom: Output, group: int, transposed: bool) -> Output:
    param = layer.parameter.convolution_param
    if len(shape(bottom)) != 4 or param.axis not in (1, -3):
        raise layer.error(
            f"bottom of shape {shape_text(shape(bottom))}, axis {param.axis}; wanted N x C x H x W, axis 1."
        )
    channels, outputs = shape(bottom)[1], param.num_output
    if group < 1 or channels % group or outputs % group:
        raise layer.error(f"group {group} divides not both its {channels} inputs and its {outputs} outputs.")
    kernel = height_width(layer, param, "kernel_size", "kernel")
    stride = height_width(layer, param, "stride", "stride", 1)
    pad = height_width(layer, param, "pad", "pad", 0)
    dilation = height_width(layer, param, "dilation", "", 1)
    if min(kernel + stride + dilation) < 1:
        raise layer.error(f"kernel {kernel}, stride {stride}, dilation {dilation}: wanted 1 or more.")
    rows, columns = (channels, outputs) if transposed else (outputs, channels)
    weights = layer.weight(0, rows, columns // group, *kernel)
    if group > 1:
        weights = weights.reshape(group, rows // group, *weights.shape[1:])
    operation = _OPERATIONS[transposed, group > 1]
    settings = {"strides": stride, "pads_begin": pad, "pads_end": pad, "dilations": dilation}
    if not transposed:
        lacks = [
            d * (k - 1) + 1 - s - 2 * p for d, k, s, p in zip(dilation, kernel, shape(bottom)[2:], pad, strict=True)
        ]
        if any(lack >= t for lack, t in zip(lacks, stride, strict=True)):
            raise layer.error(f"kernel {kernel} is larger than its bottom of {list(shape(bottom)[2:])} with pad {pad}.")
        # By less than a stride it may be, for Caffe rounds towards zero windows too few: what lacks is zeros.
        settings["pads_end"] = [p + max(0, lack) for p, lack in zip(pad, lacks, strict=True)]
    top = operation(bottom, constant(weights), **settings)
    if param.bias_term:
        top = op.add(top, per_channel(layer.weight(1, outputs), 4))
    return top.output(0)


_OPERATIONS: dict[tuple[bool, bool], Callable[..., Node]] = {  # (transposed, in groups)
    (False, False): op.convolution,
    (False, True): op.group_convolution,
    (True, False): op.convolution_backprop_data,
    (True, True): op.group_convolution_backprop_data,
}


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
