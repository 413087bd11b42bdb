"""Axpy, Reorg and ShuffleChannel."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from common.messages import shape_text

from ..layer import TrainedLayer, integers, reshaped, shape


def axpy(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute a x + y, with a factor for each channel in `a`."""
    factors, x, y = (shape(bottom) for bottom in inputs)
    if len(x) < 2 or x != y or factors != (*x[:2], *[1] * (len(factors) - 2)) or len(factors) > len(x):
        found = ", ".join(map(shape_text, (factors, x, y)))
        raise layer.error(f"its bottoms are {found}; expected NxC, and two of NxCxHxW.")
    target = [*x[:2], *[1] * (len(x) - 2)]
    wide = inputs[0] if list(factors) == target else reshaped(inputs[0], target)
    return [op.add(op.multiply(inputs[1], wide), inputs[2]).output(0)]


def reorg(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Make more channels of fewer pixels, or with `reverse` fewer of more, in darknet's order."""
    own = layer.parameter
    dims = shape(inputs[0])
    s = own.reorg_param.stride if own.type == "Reorg" else own.reorg_yolo_param.stride
    if len(dims) != 4 or s < 1 or dims[1] % (s * s):
        raise layer.error(
            f"stride is {s} and its bottom {shape_text(dims)}; expected NxCxHxW, and C a multiple of the stride squared."
        )
    n, c, h, w = dims
    few = c // (s * s)
    if own.reorg_param.reverse:
        # N x (dy dx) x C' x H x W to N x C' x (H dy) x (W dx), in steps of at most five axes.
        rows = op.transpose(reshaped(inputs[0], [n * s, s, few, h, w]), integers([0, 2, 3, 4, 1])).output(0)
        rows = reshaped(rows, [n, s, few, h, w * s])
        return [reshaped(op.transpose(rows, integers([0, 2, 3, 1, 4])).output(0), [n, few, h * s, w * s])]
    if h % s or w % s:
        raise layer.error(f"stride {s} does not divide the height and the width of its bottom of {shape_text(dims)}.")
    rows = op.transpose(reshaped(inputs[0], [n, few * h, s, w, s]), integers([0, 2, 4, 1, 3])).output(0)
    return [reshaped(rows, [n, c * s * s, h // s, w // s])]


def shuffle_channel(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Deal the channels of `group` groups out in turn."""
    dims, group = shape(inputs[0]), layer.parameter.shuffle_channel_param.group
    if len(dims) < 2 or group < 1 or dims[1] % group:
        raise layer.error(f"group is {group}, which does not divide the channels of {shape_text(dims)}.")
    if group in (1, dims[1]):
        return inputs
    apart = reshaped(inputs[0], [dims[0], group, dims[1] // group, -1])
    return [reshaped(op.transpose(apart, integers([0, 2, 1, 3])).output(0), dims)]
