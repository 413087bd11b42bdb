"""MaxPool and AvgPool of any version, in a form that the MYRIAD compiler compiles right."""

from __future__ import annotations

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.blobs import Array
from caffe_io.windows import PoolingWindow

from ..layers.average import Averages, over_kernel, runs_in_pooling_unit
from ..layers.layer import constant, shape
from .operation import Operation


def max_pool(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Take the maximum of each window. Indices of the maxima, and gaps in the windows, are refused."""
    found = operation.attributes
    if any(gap != 1 for gap in found.get("dilations", ())):
        raise operation.error("its windows have gaps (dilations), which OpenVINO 2021.4.2 does not know.")
    if len(operation.node.outputs()) > 1 and operation.node.output(1).get_target_inputs():
        raise operation.error("where the maxima lie is asked for, which OpenVINO 2021.4.2 does not know.")
    kernel, strides, begin, end = _windows(operation, inputs[0])
    rounding = "floor"
    top = op.max_pool(inputs[0], strides, begin, end, kernel, rounding).output(0)
    # A second output for the indices is there and unused.
    return [top] * len(operation.node.outputs())


def avg_pool(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Average each window. The zeros of the padding count, unless exclude-pad says otherwise."""
    kernel, strides, begin, end = _windows(operation, inputs[0])
    exclude_pad = bool(operation.attributes["exclude-pad"])
    size = shape(inputs[0])[2:]
    if len(kernel) != 2:
        return [op.avg_pool(inputs[0], strides, begin, end, kernel, exclude_pad, "floor").output(0)]
    counts = operation.shape()[2:]
    declared = [*operation.attributes["pads_begin"], *operation.attributes["pads_end"]]
    if str(operation.attributes["auto_pad"]) not in ("explicit", "notset"):
        declared = [*begin, *end]
    divisors = _divisors(operation, (kernel, strides, size, counts), declared, exclude_pad)
    padded = any((*begin, *end))
    if not padded and (divisors == np.prod(kernel)).all():
        if inputs[0].get_node().get_type_name() == "Pad":
            # 2021.4.2 joins the two, and the pooling unit would then pad otherwise.
            return [_by_convolution(inputs[0], _window(kernel, strides, begin, counts), end)]
        return [op.avg_pool(inputs[0], strides, begin, end, kernel, False, "floor").output(0)]
    window = _window(kernel, strides, begin, counts)
    if exclude_pad and not runs_in_pooling_unit(window, size, exclude_pad=True):
        return [op.avg_pool(inputs[0], strides, begin, end, kernel, True, "floor").output(0)]
    top = _over_kernel(inputs[0], window, end)
    factor = (np.prod(kernel) / divisors).astype(np.float32)
    return [top if (factor == 1).all() else op.multiply(top, constant(factor[None, None])).output(0)]


def _window(kernel: list[int], strides: list[int], begin: list[int], counts: list[int]) -> PoolingWindow:
    return PoolingWindow((kernel[0], kernel[1]), (strides[0], strides[1]), (begin[0], begin[1]), (counts[0], counts[1]))


def _over_kernel(x: Output, window: PoolingWindow, end: list[int]) -> Output:
    """Sum each window and divide by the whole kernel, in a form that the MYRIAD compiler compiles right."""
    size = shape(x)[2:]
    kernel, begin = window.kernel, window.pad
    # The form of layers/average.py pads the end no less than the begin, which must not make another window.
    axes = zip(size, begin, end, kernel, window.stride, strict=True)
    fit = [(extent + first + max(first, last) - side) // stride + 1 for extent, first, last, side, stride in axes]
    if tuple(fit) != window.counts:
        return _by_convolution(x, window, end)
    beyond = [last - first for first, last in zip(begin, end, strict=True)]
    return over_kernel(x, Averages(window, (size[0], size[1]), (beyond[0], beyond[1])))


def _by_convolution(x: Output, window: PoolingWindow, end: list[int]) -> Output:
    """Average with a convolution of each channel, whose padding on one side becomes a stage of its own."""
    weights = np.full((shape(x)[1], 1, 1, *window.kernel), 1 / np.prod(window.kernel), np.float32)
    return op.group_convolution(x, constant(weights), list(window.stride), list(window.pad), end, [1, 1]).output(0)


def _windows(operation: Operation, x: Output) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return kernel, strides, and the padding at the begin and the end of each axis that the output's size needs."""
    found = operation.attributes
    kernel, strides = list(found["kernel"]), list(found["strides"])
    begin = list(found["pads_begin"])
    size, counts = shape(x)[2:], operation.shape()[2:]
    reach = [(count - 1) * stride + side for count, stride, side in zip(counts, strides, kernel, strict=True)]
    auto = str(found["auto_pad"])
    if auto in ("same_upper", "same_lower"):
        wholes = [-(-extent // stride) for extent, stride in zip(size, strides, strict=True)]
        more = [
            max(0, (whole - 1) * stride + side - extent)
            for whole, stride, side, extent in zip(wholes, strides, kernel, size, strict=True)
        ]
        begin = [(pad + 1) // 2 if auto == "same_lower" else pad // 2 for pad in more]
    elif auto == "valid":
        begin = [0] * len(size)
    axes = zip(kernel, strides, begin, size, counts, strict=True)
    if any(pad >= side or (count - 1) * stride - pad >= extent for side, stride, pad, extent, count in axes):
        raise operation.error("some of its windows lie in the padding alone. Export the net with less padding.")
    # What the windows do not reach needs no padding.
    end = [max(0, far - extent - pad) for far, extent, pad in zip(reach, size, begin, strict=True)]
    return kernel, strides, begin, end


def _divisors(
    operation: Operation,
    windows: tuple[list[int], list[int], tuple[int, ...], list[int]],
    declared: list[int],
    exclude_pad: bool,
) -> Array:
    """Return the number of pixels that count, for each window: height x width.

    With exclude-pad, and where nothing is padded, these are the picture's own. Otherwise the padding counts too. What lies
    beyond it counts for the rounding "ceil", and not for "ceil_torch": PyTorch and ONNX do so, although OpenVINO's CPU
    plugin does not.
    """
    sides = []
    torch_way = str(operation.attributes["rounding_type"]) == "ceil_torch"
    for axis, (kernel, stride, extent, count) in enumerate(zip(*windows, strict=True)):
        first, last = declared[axis], declared[axis + 2]
        starts = np.arange(count) * stride - first
        ends = starts + kernel
        if exclude_pad or not any(declared):
            sides.append(np.minimum(ends, extent) - np.maximum(starts, 0))
        elif torch_way:
            sides.append(np.minimum(ends, extent + last) - starts)
        else:
            sides.append(np.full(count, kernel))
    divisors: Array = np.outer(*sides).astype(np.float32)
    return divisors
