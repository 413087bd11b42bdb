"""Convolution, Deconvolution and the forks' DepthwiseConvolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino.opset1 as op
from openvino import Node, Output

from caffe_io.blobs import Array
from caffe_io.windows import WindowError, convolution_window

from .layer import TrainedLayer, constant, per_channel, shape


def convolution(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Convolve each bottom with the same weights; one top for each bottom.

    As in Caffe this is a cross-correlation over height and width, and the number of windows is rounded down.
    """
    return [_top(layer, bottom, layer.parameter.convolution_param.group, False) for bottom in inputs]


def depthwise_convolution(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Convolve each channel by itself: a fork's layer with as many groups as channels, whatever `group` says."""
    return [_top(layer, bottom, shape(bottom)[1], False) for bottom in inputs]


def deconvolution(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Run a convolution backwards: stride puts zeros between the pixels, pad cuts the border off."""
    return [_top(layer, bottom, layer.parameter.convolution_param.group, True) for bottom in inputs]


def _top(layer: TrainedLayer, bottom: Output, group: int, transposed: bool) -> Output:
    param = layer.parameter.convolution_param
    try:
        window = convolution_window(param, shape(bottom))
        if transposed:
            window.transposed(shape(bottom)[2:])
            missing = (0, 0)
        else:
            _, missing = window.fit(shape(bottom)[2:])
    except WindowError as error:
        raise layer.error(str(error)) from error
    channels, outputs = shape(bottom)[1], param.num_output
    if group < 1 or channels % group or outputs % group:
        raise layer.error(f"group {group} must divide both the {channels} input and the {outputs} output channels.")
    rows, columns = (channels, outputs) if transposed else (outputs, channels)
    weights = layer.weight(0, rows, columns // group, *window.kernel)
    if transposed and 1 < group < channels:
        # The MYRIAD compiler of 2021.4.2 never ends on groups of several inputs.
        weights, group = _without_groups(weights, group), 1
    dilation = window.dilation
    if transposed and dilation != (1, 1):
        # The MYRIAD compiler of 2021.4.2 drops the dilation of a transposed convolution.
        weights, dilation = _with_gaps(weights, dilation), (1, 1)
    if group > 1:
        weights = weights.reshape(group, rows // group, *weights.shape[1:])
    top = _OPERATIONS[transposed, group > 1](
        bottom,
        constant(weights),
        strides=list(window.stride),
        pads_begin=list(window.pad),
        # Caffe fills a bottom that is a little too small with zeros at its end.
        pads_end=[pad + lack for pad, lack in zip(window.pad, missing, strict=True)],
        dilations=list(dilation),
    )
    if param.bias_term:
        top = op.add(top, per_channel(layer.weight(1, outputs), 4))
    return top.output(0)


def _with_gaps(weights: Array, dilation: tuple[int, int]) -> Array:
    """Write a dilated kernel as a larger one with zeros between its weights."""
    *channels, height, width = weights.shape
    (down, across) = dilation
    larger = np.zeros((*channels, (height - 1) * down + 1, (width - 1) * across + 1), np.float32)
    larger[..., ::down, ::across] = weights
    return larger


def _without_groups(weights: Array, group: int) -> Array:
    """Turn the weights of a Deconvolution in groups into those of one without: zeros from each input to other groups' outputs."""
    inputs, outputs, *kernel = weights.shape
    dense = np.zeros((group, inputs // group, group, outputs, *kernel), np.float32)
    for number, own in enumerate(weights.reshape(group, inputs // group, outputs, *kernel)):
        dense[number, :, number] = own
    return dense.reshape(inputs, group * outputs, *kernel)


# (transposed, in groups) -> operation
_OPERATIONS: dict[tuple[bool, bool], Callable[..., Node]] = {
    (False, False): op.convolution,
    (False, True): op.group_convolution,
    (True, False): op.convolution_backprop_data,
    (True, True): op.group_convolution_backprop_data,
}
