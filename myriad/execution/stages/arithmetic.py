"""Stages that combine tensors number by number: sums, products, comparisons, choices; and products of matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room

Combine = Callable[[Floats, Floats], Floats]
COMBINE: dict[str, Combine] = {
    "Prod": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
    "Div": np.divide,
    "Squared_diff": lambda a, b: (a - b) ** 2,
    "Pow": np.power,
    "Floor_mod": np.mod,
    "Equal": np.equal,
    "Not_equal": np.not_equal,
    "Greater": np.greater,
    "Greater_equal": np.greater_equal,
    "Less": np.less,
    "Less_equal": np.less_equal,
    "Logical_AND": np.logical_and,
    "Logical_OR": np.logical_or,
    "Logical_XOR": np.logical_xor,
}
"""By the name of the stage, from two tensors, of which the second broadcasts as in numpy."""


def combine(stage: Stage, memory: Memory) -> None:
    """Combine two tensors."""
    first, second = _operands(stage, memory, "in0", "in1")
    memory.write(stage.find("out"), _then(stage, COMBINE[stage.name](first, second)))


def sum_of(stage: Stage, memory: Memory) -> None:
    """Add two tensors, each with a factor."""
    first, second = _operands(stage, memory, "in0", "in1")
    values = first * first.dtype.type(stage.parameters["coeff1"]) + second * second.dtype.type(
        stage.parameters["coeff2"]
    )
    memory.write(stage.find("out"), _then(stage, values))


def single(stage: Stage, memory: Memory) -> None:
    """Take absolute values, or 1 for what is 0 and 0 for the rest."""
    values = memory.read(stage.find("in0"))
    memory.write(stage.find("out"), _then(stage, np.abs(values) if stage.name == "Abs" else values == 0))


def select(stage: Stage, memory: Memory) -> None:
    """Take numbers of one tensor where the condition is not 0, and of another elsewhere."""
    condition, yes, no = _operands(stage, memory, "condition", "then", "else")
    memory.write(stage.find("out"), np.where(condition != 0, yes, no))


def matrix_product(stage: Stage, memory: Memory) -> None:
    """Multiply matrices, which the last two dimensions hold, and add a third one."""
    first, second = (memory.read(stage.find(role)) for role in ("a", "b"))
    if stage.parameters["transpose_a"]:
        first = first.swapaxes(-1, -2)
    if stage.parameters["transpose_b"]:
        second = second.swapaxes(-1, -2)
    check_room(first.size, second.shape[-1])
    values = first @ second * np.float32(stage.parameters["alpha"])
    if stage.parameters["has_third"]:
        values += memory.read(stage.find("c")) * np.float32(stage.parameters["beta"])
    memory.write(stage.find("out"), values)


def _operands(stage: Stage, memory: Memory, *roles: str) -> list[Floats]:
    """Read data that broadcast over each other to the shape of the output."""
    values = [memory.read(stage.find(role)) for role in roles]
    shape, room = np.broadcast_shapes(*(each.shape for each in values)), memory.tensor(stage.find("out")).shape
    if shape != room:
        raise BlobError(
            f"makes {shape} of {' and '.join(str(each.shape) for each in values)}, but has room for {room}."
        )
    return values


def _then(stage: Stage, values: Floats) -> Floats:
    """Apply the stage that is fused into an element by element one: none, ReLU, leaky ReLU or Clamp."""
    post = stage.parameters["post"]
    if post not in _AFTER:
        raise BlobError(f"is followed by stage type {post}, which is not computed here.")
    return _AFTER[int(post)](stage, values)


_AFTER: dict[int, Callable[[Stage, Floats], Floats]] = {
    -1: lambda _, values: values,
    6: lambda _, values: np.maximum(values, 0),
    44: lambda stage, values: np.where(values > 0, values, values * np.float32(stage.parameters["negative_slope"])),
    57: lambda stage, values: np.clip(values, np.float32(stage.parameters["min"]), np.float32(stage.parameters["max"])),
}
