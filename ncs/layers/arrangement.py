"""Layers that join, cut or reshape blobs: Concat, Slice, Split, Flatten, Reshape, Permute, Crop, Tile, Parameter."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
from openvino import Output
from openvino.op import Constant

from common.messages import shape_text

from .layer import TrainedLayer, axis_of, constant, integers, reshaped, shape


def concat(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Join the bottoms along `axis` (formerly concat_dim)."""
    param = layer.parameter.concat_param
    written = param.concat_dim if param.HasField("concat_dim") else param.axis
    axis = axis_of(layer, written, len(shape(inputs[0])))
    if all(isinstance(bottom.get_node(), Constant) for bottom in inputs):
        # The priors of a detector, which its last layer takes as they are.
        return [constant(np.concatenate([bottom.get_node().data for bottom in inputs], axis))]
    return [op.concat(inputs, axis).output(0)]


def slice_(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Cut the bottom along `axis` (formerly slice_dim) at each slice_point, or into equal parts."""
    param, tops = layer.parameter.slice_param, len(layer.parameter.top)
    dims = shape(inputs[0])
    axis = axis_of(layer, param.slice_dim if param.HasField("slice_dim") else param.axis, len(dims))
    size, points = dims[axis], list(param.slice_point)
    if not points and size % tops == 0:
        points = [part * size // tops for part in range(1, tops)]
    parts = [end - begin for begin, end in zip([0, *points], [*points, size], strict=True)]
    if len(parts) != tops or min(parts) < 1:
        raise layer.error(f"cannot cut axis {axis} of size {size} at {points} into {tops} tops.")
    return list(op.variadic_split(inputs[0], integers(axis), integers(parts)).outputs()) if tops > 1 else inputs


def split(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Give the same blob several names."""
    return inputs * len(layer.parameter.top)


def flatten(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Merge the axes from `axis` to `end_axis` into one; end_axis = axis - 1 inserts an axis of size 1."""
    param = layer.parameter.flatten_param
    dims = shape(inputs[0])
    first, last = axis_of(layer, param.axis, len(dims)), axis_of(layer, param.end_axis, len(dims))
    if last < first - 1:
        raise layer.error(
            f"end_axis {param.end_axis} comes before axis {param.axis} in its bottom of shape {shape_text(dims)}."
        )
    return [reshaped(inputs[0], [*dims[:first], math.prod(dims[first : last + 1]), *dims[last + 1 :]])]


def reshape(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Replace `num_axes` axes starting at `axis` by `shape`; 0 copies the size, one -1 is inferred."""
    param = layer.parameter.reshape_param
    dims = shape(inputs[0])
    start = axis_of(layer, param.axis, len(dims) + 1)
    end = len(dims) if param.num_axes == -1 else start + param.num_axes
    new = list(param.shape.dim)
    if end > len(dims) or new.count(-1) > 1 or any(d == 0 and start + i >= len(dims) for i, d in enumerate(new)):
        raise layer.error(
            f"shape {new} at axis {param.axis} cannot replace axes of its bottom of shape {shape_text(dims)}."
        )
    new = [dims[start + i] if dim == 0 else dim for i, dim in enumerate(new)]
    target = [*dims[:start], *new, *dims[end:]]
    if -1 in target:
        rest = -math.prod(target)
        target[target.index(-1)] = math.prod(dims) // rest if rest else 0
    if math.prod(target) != math.prod(dims):
        raise layer.error(f"its bottom of shape {shape_text(dims)} does not fill the shape {shape_text(target)}.")
    return [reshaped(inputs[0], target)]


def permute(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Put the axes into the order `order`, and those that it leaves out after them; the SSD fork's layer."""
    order, axes = list(layer.parameter.permute_param.order), len(shape(inputs[0]))
    if len(set(order)) != len(order) or max(order, default=0) >= axes:
        raise layer.error(f"order {order} must name axes of its bottom, which has {axes}, each once.")
    order += [axis for axis in range(axes) if axis not in order]
    return inputs if order == sorted(order) else [op.transpose(inputs[0], integers(order)).output(0)]


def crop(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Cut the first bottom to the size of the second in the axes from `axis` on.

    `offset` says where to begin: one number for all axes, or one for each.
    """
    param, dims, like = layer.parameter.crop_param, shape(inputs[0]), shape(inputs[1])
    axis = axis_of(layer, param.axis, len(dims))
    count = len(dims) - axis
    offsets = list(param.offset) or [0]
    if len(offsets) == 1:
        offsets *= count
    if len(offsets) != count or len(like) < len(dims):
        raise layer.error(
            f"has {len(param.offset)} offsets, axis {axis}, and bottoms of shapes {shape_text(dims)} and {shape_text(like)}; "
            f"expected no fewer axes in the second bottom, and one offset or {count}."
        )
    begin = [0] * axis + offsets
    end = [*dims[:axis], *(offset + size for offset, size in zip(offsets, like[axis : len(dims)], strict=True))]
    if any(last > size for last, size in zip(end, dims, strict=True)):
        raise layer.error(
            f"cannot cut {shape_text(like)} starting at {begin} from its bottom of shape {shape_text(dims)}."
        )
    if tuple(end) == dims:
        return inputs[:1]
    # A mask that hides no begin and no end.
    mask = [0] * len(dims)
    steps = integers([1] * len(dims))
    return [op.strided_slice(inputs[0], integers(begin), integers(end), steps, mask, mask).output(0)]


def tile(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Repeat the bottom `tiles` times along `axis`."""
    param = layer.parameter.tile_param
    dims = shape(inputs[0])
    if param.tiles < 1:
        raise layer.error(f"tiles is {param.tiles}; expected at least 1.")
    if param.tiles == 1:
        return inputs
    repeats = [1] * len(dims)
    repeats[axis_of(layer, param.axis, len(dims))] = param.tiles
    return [op.tile(inputs[0], integers(repeats)).output(0)]


def parameter(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Make a trained blob a top."""
    return [constant(layer.weight(0, *layer.parameter.parameter_param.shape.dim))]


def silence(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute nothing; its bottoms count as used and so are no outputs."""
    return []
