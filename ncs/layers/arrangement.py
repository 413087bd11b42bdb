"""Layers that join, part or reshape blobs: Concat, Slice, Split, Flatten, Reshape, Permute, Crop, Tile, Parameter."""

from __future__ import annotations

import math

import openvino.opset1 as op
from openvino import Output

from .layer import Layer, axis_of, constant, integers, reshaped, shape


def concat(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Bottoms one after the other along `axis` (or the older concat_dim)."""
    param = layer.parameter.concat_param
    axis = param.concat_dim if param.HasField("concat_dim") else param.axis
    return [op.concat(inputs, axis_of(layer, axis, len(shape(inputs[0])))).output(0)]


def slice_(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The bottom cut along `axis` (or the older slice_dim) at each slice_point, or into equal parts."""
    param, tops = layer.parameter.slice_param, len(layer.parameter.top)
    dims = shape(inputs[0])
    axis = axis_of(layer, param.slice_dim if param.HasField("slice_dim") else param.axis, len(dims))
    size, points = dims[axis], list(param.slice_point)
    if not points and size % tops == 0:
        points = [part * size // tops for part in range(1, tops)]
    parts = [end - begin for begin, end in zip([0, *points], [*points, size], strict=True)]
    if len(parts) != tops or min(parts) < 1:
        raise layer.error(f"cannot cut {size} numbers of axis {axis} at {points} for {tops} tops.")
    return list(op.variadic_split(inputs[0], integers(axis), integers(parts)).outputs()) if tops > 1 else inputs


def split(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The same blob under several names."""
    return inputs * len(layer.parameter.top)


def flatten(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The axes from `axis` to `end_axis` made one; none of them (end_axis = axis - 1): an axis of 1 is put in."""
    param = layer.parameter.flatten_param
    dims = shape(inputs[0])
    first, last = axis_of(layer, param.axis, len(dims)), axis_of(layer, param.end_axis, len(dims))
    if last < first - 1:
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


def permute(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The axes in the order `order`, those it leaves out behind; the SSD fork's layer."""
    order, axes = list(layer.parameter.permute_param.order), len(shape(inputs[0]))
    if len(set(order)) != len(order) or max(order, default=0) >= axes:
        raise layer.error(f"order {order} must name axes of a bottom of {axes} axes, each once.")
    order += [axis for axis in range(axes) if axis not in order]
    return inputs if order == sorted(order) else [op.transpose(inputs[0], integers(order)).output(0)]


def crop(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The first bottom cut to the size of the second from `axis` on; `offset`: where to begin, one or one an axis."""
    param, dims, like = layer.parameter.crop_param, shape(inputs[0]), shape(inputs[1])
    axis = axis_of(layer, param.axis, len(dims))
    count = len(dims) - axis
    offsets = list(param.offset) or [0]
    if len(offsets) == 1:
        offsets *= count
    if len(offsets) != count or len(like) < len(dims):
        raise layer.error(
            f"{len(param.offset)} offsets for bottoms of {len(dims)} and {len(like)} axes, axis {axis}; wanted no fewer "
            f"axes in the second, and one offset or {count}."
        )
    begin = [0] * axis + offsets
    end = [*dims[:axis], *(offset + size for offset, size in zip(offsets, like[axis : len(dims)], strict=True))]
    if any(last > size for last, size in zip(end, dims, strict=True)):
        raise layer.error(f"cannot cut {list(like)} from {begin} on out of a bottom of shape {list(dims)}.")
    if tuple(end) == dims:
        return inputs[:1]
    kept = [0] * len(dims)  # a mask that hides no begin and no end
    return [
        op.strided_slice(inputs[0], integers(begin), integers(end), integers([1] * len(dims)), kept, kept).output(0)
    ]


def tile(layer: Layer, inputs: list[Output]) -> list[Output]:
    """The bottom `tiles` times along `axis`."""
    param = layer.parameter.tile_param
    dims = shape(inputs[0])
    if param.tiles < 1:
        raise layer.error(f"tiles {param.tiles}; wanted 1 or more.")
    repeats = [1] * len(dims)
    repeats[axis_of(layer, param.axis, len(dims))] = param.tiles
    return [op.tile(inputs[0], integers(repeats)).output(0)]


def parameter(layer: Layer, inputs: list[Output]) -> list[Output]:
    """A trained blob as a top."""
    return [constant(layer.weight(0, *layer.parameter.parameter_param.shape.dim))]


def silence(layer: Layer, inputs: list[Output]) -> list[Output]:
    """Nothing: its bottoms are used, and so no outputs."""
    return []
