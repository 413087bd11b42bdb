"""Stages that move numbers: copies, changes of type and order, repetition, borders, choices by index."""

from __future__ import annotations

import numpy as np

from ...errors import BlobError
from ...stage import Stage
from ..memory import Memory, axis_of, check_room, in_order

PAD_MODES = ("constant", "edge", "reflect", "symmetric")
"""By number, as numpy calls them."""


def copy(stage: Stage, memory: Memory) -> None:
    """Copy element by element between two views of equal dimensions."""
    memory.write(stage.find("out"), memory.tensor(stage.find("in")))


def convert(stage: Stage, memory: Memory) -> None:
    """Change the type: x * scale + bias."""
    values = memory.read(stage.find("in"))
    scale, bias = (values.dtype.type(stage.parameters[name]) for name in ("scale", "bias"))
    memory.write(stage.find("out"), values * scale + bias)


def permute(stage: Stage, memory: Memory) -> None:
    """Change the order of the dimensions. Parameter i says which input dimension becomes number i, from the innermost on."""
    source, output = memory.array(stage.find("in")), memory.array(stage.find("out"))
    last = source.ndim - 1
    order = [last - int(number) for number in list(stage.parameters.values())[: source.ndim]][::-1]
    if sorted(order) != list(range(source.ndim)) or source.transpose(order).shape != output.shape:
        raise BlobError(f"orders {source.shape} by {order} into {output.shape}.")
    output[...] = source.transpose(order)


def tile(stage: Stage, memory: Memory) -> None:
    """Repeat the whole along an axis."""
    data, output = stage.find("in"), memory.tensor(stage.find("out"))
    source = memory.tensor(data)
    axis = axis_of(data, int(stage.parameters["axis"]))
    times = int(stage.parameters["tiles"])
    if source.shape[axis] * times != output.shape[axis]:
        raise BlobError(f"repeats {source.shape[axis]} numbers {times} times, but has room for {output.shape[axis]}.")
    output[...] = np.concatenate([source] * times, axis)


def pad(stage: Stage, memory: Memory) -> None:
    """Add a border."""
    data, output = stage.find("in"), memory.tensor(stage.find("out"))
    source = memory.tensor(data)
    mode = int(stage.parameters["mode"])
    innermost = data.shape.letters[::-1]
    widths = []
    for letter in in_order(data.shape.letters):
        # The parameters go by the place of a dimension, which is W, H, C, N for most.
        name = "whcn"[innermost.index(letter)]
        widths.append((int(stage.parameters[f"begin_{name}"]), int(stage.parameters[f"end_{name}"])))
    sides = tuple(side + sum(width) for side, width in zip(source.shape, widths, strict=True))
    if mode >= len(PAD_MODES) or sides != output.shape:
        raise BlobError(f"adds {widths} to {source.shape} in mode {mode}, but has room for {output.shape}.")
    extra = {"constant_values": stage.parameters["value"]} if mode == 0 else {}
    output[...] = np.pad(source, widths, PAD_MODES[mode], **extra)  # type: ignore[call-overload]


def gather(stage: Stage, memory: Memory) -> None:
    """Take entries along an axis by their numbers."""
    data = stage.find("in")
    indices = memory.read(stage.find("indices")).astype(np.intp)
    axis = axis_of(data, int(stage.parameters["axis"]))
    source, output = memory.tensor(data), memory.tensor(stage.find("out"))
    check_room(indices.size, source.size / source.shape[axis])
    if indices.min() < 0 or indices.max() >= source.shape[axis]:
        raise BlobError(f"takes number {indices.max()} of {source.shape[axis]}.")
    output[...] = np.take(source, indices, axis).reshape(output.shape)


def strided_slice(stage: Stage, memory: Memory) -> None:
    """Take every n-th entry from begin to end along each dimension."""
    source, output = memory.tensor(stage.find("in")), memory.tensor(stage.find("out"))
    masks = {
        name: int(stage.parameters[f"{name}_mask"]) for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    if masks["new_axis"] or masks["ellipsis"]:
        raise BlobError("adds dimensions, which is not computed here.")
    begin, end, strides = (memory.read(stage.find(role)).astype(int).ravel() for role in ("begin", "end", "strides"))
    where: list[slice] = []
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        # A bit that is set means that the number counts, as in the IR's lists turned round.
        where.append(
            slice(
                int(first) if masks["begin"] >> axis & 1 else None,
                int(last) if masks["end"] >> axis & 1 else None,
                int(step),
            )
        )
    taken = source[tuple(where)]
    if taken.size != output.size:
        raise BlobError(f"takes {taken.shape} of {source.shape}, but has room for {output.shape}.")
    output[...] = taken.reshape(output.shape)
