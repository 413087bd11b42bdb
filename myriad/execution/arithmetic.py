"""Stages that combine tensors number by number: sums, products, scales and biases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..data import Data
from ..errors import BlobError
from ..stage import Stage
from .memory import Floats, Memory, axis_of


def sum_of(stage: Stage, memory: Memory) -> None:
    """Add two tensors, each with a factor."""
    first, second = (memory.read(stage.find(role)) for role in ("in0", "in1"))
    values = first * stage.parameters["coeff1"] + second * stage.parameters["coeff2"]
    memory.write(stage.find("out"), _then(stage, values))


def product(stage: Stage, memory: Memory) -> None:
    """Multiply two tensors."""
    values = memory.read(stage.find("in0")) * memory.read(stage.find("in1"))
    memory.write(stage.find("out"), _then(stage, values))


def scale_shift(stage: Stage, memory: Memory) -> None:
    """Multiply each channel by its scale and add its shift."""
    data = stage.find("in")
    values = memory.read(data) * _by_channel(stage.find("scale"), data, memory)
    memory.write(stage.find("out"), values + _by_channel(stage.find("shift"), data, memory))


def relu(stage: Stage, memory: Memory) -> None:
    """Add the bias, if there is one, then multiply what is not above 0 by the negative slope."""
    data = stage.find("in")
    values = memory.read(data)
    if stage.parameters["has_bias"]:
        values = values + _by_channel(stage.find("bias"), data, memory)
    memory.write(stage.find("out"), np.where(values > 0, values, values * stage.parameters["negative_slope"]))


def softmax(stage: Stage, memory: Memory) -> None:
    """Divide exponentials by their sum along an axis."""
    data = stage.find("in")
    axis = axis_of(data, int(stage.parameters["axis"]))
    values = memory.read(data)
    values = np.exp(values - values.max(axis=axis, keepdims=True))
    memory.write(stage.find("out"), values / values.sum(axis=axis, keepdims=True))


def lrn(stage: Stage, memory: Memory) -> None:
    """Divide by a power of the sum of squares over neighbouring channels."""
    size = int(stage.parameters["size"])
    values = memory.read(stage.find("in"))
    squares = np.pad(values**2, [(0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0)])
    totals = np.cumsum(squares, axis=1, dtype=np.float64)
    sums = totals[:, size - 1 :].copy()
    sums[:, 1:] -= totals[:, :-size]
    base = stage.parameters["k"] + stage.parameters["alpha"] / size * sums
    memory.write(stage.find("out"), (values * base ** -stage.parameters["beta"]).astype(np.float32))


def _then(stage: Stage, values: Floats) -> Floats:
    """Apply the stage that is fused into an element by element one: none, ReLU, leaky ReLU or Clamp."""
    post = stage.parameters["post"]
    if post not in _AFTER:
        raise BlobError(f"is followed by stage type {post}, which is not computed here.")
    return _AFTER[int(post)](stage, values)


_AFTER: dict[int, Callable[[Stage, Floats], Floats]] = {
    -1: lambda _, values: values,
    6: lambda _, values: np.maximum(values, 0),
    44: lambda stage, values: np.where(values > 0, values, values * stage.parameters["negative_slope"]),
    57: lambda stage, values: np.clip(values, stage.parameters["min"], stage.parameters["max"]),
}


def _by_channel(vector: Data, data: Data, memory: Memory) -> Floats:
    """Return one number for each channel of `data`, in a shape that broadcasts over it."""
    letters = [letter for letter in "NCDHW" if letter in data.shape.letters]
    shape = [data.shape.dim("C") if letter == "C" else 1 for letter in letters]
    return memory.read(vector).ravel()[: data.shape.dim("C")].reshape(shape)
