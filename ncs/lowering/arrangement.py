"""Operations that rearrange numbers: Slice, Gather, Pad, Squeeze, ShuffleChannels and others."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
from openvino import Output

from ..layers.layer import constant, integers, reshaped, shape
from .operation import Operation, is_float, made, value_of


def to_shape(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Reshape to the shape that the operation has: Reshape, Squeeze, Unsqueeze and others whose numbers stay in order."""
    dims = operation.shape()
    return [inputs[0] if list(shape(inputs[0])) == dims else reshaped(inputs[0], dims)]


def nothing(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Hand on the input."""
    return inputs[:1]


def convert(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Change the type of the numbers. All floating-point types become float32."""
    target = operation.node.get_output_element_type(0)
    if target.is_real():
        return inputs[:1] if is_float(inputs[0]) else [op.convert(inputs[0], "f32").output(0)]
    return [op.convert(inputs[0], target.get_type_name()).output(0)]


def slice_(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Cut along axes, as StridedSlice. Begin, end, step and axes are constants."""
    dims = list(shape(inputs[0]))
    starts, stops, steps = ([int(v) for v in operation.numbers(inputs, index).ravel()] for index in (1, 2, 3))
    axes = operation.axes(inputs, 4, len(dims)) if len(inputs) > 4 else list(range(len(starts)))
    begin, end, step = [0] * len(dims), list(dims), [1] * len(dims)
    for axis, start, stop, stride in zip(axes, starts, stops, steps, strict=True):
        if stride < 1:
            raise operation.error(f"its step {stride} turns axis {axis} around, which the stick cannot.")
        begin[axis], end[axis], step[axis] = *slice(start, stop).indices(dims[axis])[:2], stride
    return [_cut(inputs[0], begin, end, step)]


def strided_slice(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Cut along axes. What it drops or adds of axes is done by a Reshape afterwards."""
    found = operation.attributes
    if any(found["ellipsis_mask"]) or any(found["new_axis_mask"]):
        raise operation.error("has an ellipsis or a new axis. Export the net with plain slices.")
    dims = list(shape(inputs[0]))
    starts, stops = ([int(v) for v in operation.numbers(inputs, index).ravel()] for index in (1, 2))
    steps = [int(v) for v in operation.numbers(inputs, 3).ravel()] if len(inputs) > 3 else [1] * len(starts)
    begin, end, step = [0] * len(dims), list(dims), [1] * len(dims)
    for axis, (start, stop, stride) in enumerate(zip(starts, stops, steps, strict=True)):
        if stride < 1:
            raise operation.error(f"its step {stride} turns axis {axis} around, which the stick cannot.")
        masked = [axis < len(found[mask]) and found[mask][axis] for mask in ("begin_mask", "end_mask")]
        if axis < len(found["shrink_axis_mask"]) and found["shrink_axis_mask"][axis]:
            begin[axis] = start % dims[axis]
            end[axis] = begin[axis] + 1
            continue
        limits = slice(None if masked[0] else start, None if masked[1] else stop).indices(dims[axis])
        begin[axis], end[axis], step[axis] = *limits[:2], stride
    cut = _cut(inputs[0], begin, end, step)
    return [cut if list(shape(cut)) == operation.shape() else reshaped(cut, operation.shape())]


def _cut(x: Output, begin: list[int], end: list[int], step: list[int]) -> Output:
    """Cut with a StridedSlice, or by splitting where whole axes remain and only one is cut."""
    dims = list(shape(x))
    if begin == [0] * len(dims) and end == dims and set(step) == {1}:
        return x
    changed = [axis for axis in range(len(dims)) if (begin[axis], end[axis]) != (0, dims[axis])]
    if set(step) == {1} and len(changed) == 1:
        # A split leaves no stage in the blob.
        axis = changed[0]
        parts = [begin[axis], end[axis] - begin[axis], dims[axis] - end[axis]]
        kept = [part for part in parts if part > 0]
        place = 1 if parts[0] > 0 else 0
        return op.variadic_split(x, integers(axis), integers(kept)).output(place)
    mask = [0] * len(dims)
    return op.strided_slice(x, integers(begin), integers(end), integers(step), mask, mask).output(0)


def gather(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Take rows by constant numbers: neighbouring rows as a slice, others with Gather."""
    if operation.attributes.get("batch_dims", 0):
        raise operation.error("has batch_dims, which the stick does not know.")
    dims = list(shape(inputs[0]))
    axis = operation.axes(inputs, 2, len(dims))[0]
    wanted = value_of(inputs[1])
    if wanted is None:
        return made("opset1", "Gather", [inputs[0], inputs[1], integers(axis)], {})
    rows = np.asarray(wanted, np.int64) % dims[axis]
    flat = rows.ravel().tolist()
    if flat == list(range(flat[0], flat[0] + len(flat))):
        begin, end = [0] * len(dims), list(dims)
        begin[axis], end[axis] = flat[0], flat[0] + len(flat)
        cut = _cut(inputs[0], begin, end, [1] * len(dims))
        return [cut if list(shape(cut)) == operation.shape() else reshaped(cut, operation.shape())]
    top = op.gather(inputs[0], integers(flat), integers(axis)).output(0)
    return [top if list(shape(top)) == operation.shape() else reshaped(top, operation.shape())]


def pad(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Add a border. A negative one cuts."""
    begin, end = ([int(v) for v in operation.numbers(inputs, index).ravel()] for index in (1, 2))
    x, dims = inputs[0], list(shape(inputs[0]))
    if min([*begin, *end], default=0) < 0:
        first = [max(0, -v) for v in begin]
        last = [size - max(0, -v) for size, v in zip(dims, end, strict=True)]
        x = _cut(x, first, last, [1] * len(dims))
        begin, end = [max(0, v) for v in begin], [max(0, v) for v in end]
    if not any((*begin, *end)):
        return [x]
    mode = str(operation.attributes["pad_mode"])
    fill = [constant(operation.number(inputs, 3, 0.0))] if mode == "constant" else []
    return [op.pad(x, integers(begin), integers(end), mode, *fill).output(0)]


def transpose(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Change the order of the axes. Where only axes of size 1 move, a Reshape is enough."""
    dims = shape(inputs[0])
    order = [int(v) for v in operation.numbers(inputs, 1).ravel()] or list(range(len(dims)))[::-1]
    moved = [axis for axis in order if dims[axis] != 1]
    if moved == sorted(moved):
        return to_shape(operation, inputs)
    return [op.transpose(inputs[0], integers(order)).output(0)]


def shuffle_channels(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Shuffle the groups of an axis: reshape, transpose, reshape."""
    dims = list(shape(inputs[0]))
    axis, groups = int(operation.attributes["axis"]) % len(dims), int(operation.attributes["group"])
    around = math.prod(dims[:axis]), math.prod(dims[axis + 1 :])
    apart = reshaped(inputs[0], [around[0], groups, dims[axis] // groups, around[1]])
    return [reshaped(op.transpose(apart, integers([0, 2, 1, 3])).output(0), dims)]


def broadcast(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Repeat axes of size 1, with Tile."""
    target, dims = operation.shape(), list(shape(inputs[0]))
    if str(operation.attributes.get("mode", "numpy")) == "explicit" and len(dims) != len(target):
        dims = [1] * len(target)
        for axis, size in zip(operation.axes(inputs, 2, len(target)), shape(inputs[0]), strict=True):
            dims[axis] = size
    dims = [1] * (len(target) - len(dims)) + dims
    x = inputs[0] if dims == list(shape(inputs[0])) else reshaped(inputs[0], dims)
    repeats = [wanted // size for wanted, size in zip(target, dims, strict=True)]
    return [x if set(repeats) == {1} else op.tile(x, integers(repeats)).output(0)]


def depth_to_space(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Move channels into rows and columns, by reshapes of at most 6 axes and one transpose."""
    batch, channels, *sides = shape(inputs[0])
    if len(sides) != 2:
        raise operation.error(f"has {len(sides)} axes beside batch and channels; expected rows and columns.")
    block = int(operation.attributes["block_size"])
    blocks_first = "blocks" in str(operation.attributes["mode"])
    less = channels // block**2
    split = [batch, block, block, less, *sides] if blocks_first else [batch, less, block, block, *sides]
    order = [0, 3, 4, 1, 5, 2] if blocks_first else [0, 1, 4, 2, 5, 3]
    turned = op.transpose(reshaped(inputs[0], split), integers(order)).output(0)
    return [reshaped(turned, operation.shape())]


def space_to_depth(operation: Operation, inputs: list[Output]) -> list[Output]:
    """Move rows and columns into channels, by reshapes of 6 axes and one transpose."""
    batch, channels, *sides = shape(inputs[0])
    if len(sides) != 2:
        raise operation.error(f"has {len(sides)} axes beside batch and channels; expected rows and columns.")
    block = int(operation.attributes["block_size"])
    blocks_first = "blocks" in str(operation.attributes["mode"])
    split = [batch, channels, sides[0] // block, block, sides[1] // block, block]
    order = [0, 3, 5, 1, 2, 4] if blocks_first else [0, 1, 3, 5, 2, 4]
    turned = op.transpose(reshaped(inputs[0], split), integers(order)).output(0)
    return [reshaped(turned, operation.shape())]
