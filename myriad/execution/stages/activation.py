"""Functions of one number at a time, and what is done to each channel: biases, scales, slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import Data
from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, in_order

Function = Callable[[Floats, Stage], NDArray[Any]]


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    # Written so that no number is too large for it.
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, np.float32)


_erf = np.vectorize(math.erf, otypes=[np.float32])


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(x, np.float32(0))


def _rounded(x: Floats, mode: int) -> Floats:
    """Round to whole numbers: halves to even ones in mode 0, away from 0 in mode 1."""
    if mode not in (0, 1):
        raise BlobError(f"rounds in mode {mode}, which is not computed here.")
    return np.rint(x) if mode == 0 else np.sign(x) * np.floor(np.abs(x) + np.float32(0.5))


FUNCTIONS: dict[str, Function] = {
    "Sigmoid": lambda x, _: sigmoid(x),
    "Tanh": lambda x, _: np.tanh(x),
    "Exp": lambda x, _: np.exp(x),
    "Log": lambda x, _: np.log(x),
    "Floor": lambda x, _: np.floor(x),
    "Ceiling": lambda x, _: np.ceil(x),
    "Round": lambda x, stage: _rounded(x, int(stage.parameters["mode"])),
    "Erf": lambda x, _: _erf(x),
    "Gelu": lambda x, _: x * (1 + _erf(x / np.float32(math.sqrt(2)))) / 2,
    "Mish": lambda x, _: x * np.tanh(_softplus(x)),
    "SoftPlus": lambda x, _: _softplus(x),
    "HSwish": lambda x, _: x * np.clip(x + 3, 0, 6) / 6,
    "Elu": lambda x, stage: np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * np.float32(stage.parameters["alpha"])),
    "Swish": lambda x, stage: x * sigmoid(x * np.float32(stage.parameters["beta"])),
    "Clamp": lambda x, stage: np.clip(x, np.float32(stage.parameters["min"]), np.float32(stage.parameters["max"])),
}
"""By the name of the stage."""


def activation(stage: Stage, memory: Memory) -> None:
    """Compute a function of each number."""
    memory.write(stage.find("out"), FUNCTIONS[stage.name](memory.read(stage.find("in")), stage))


def power(stage: Stage, memory: Memory) -> None:
    """Compute (scale * x + shift) ^ power."""
    scale, shift, exponent = (np.float32(stage.parameters[name]) for name in ("scale", "shift", "power"))
    values = memory.read(stage.find("in")) * scale + shift
    memory.write(stage.find("out"), values if exponent == 1 else values**exponent)


def relu(stage: Stage, memory: Memory) -> None:
    """Add the bias, if there is one, then multiply what is not above 0 by the negative slope."""
    data = stage.find("in")
    values = memory.read(data)
    if stage.parameters["has_bias"]:
        values += by_channel(stage.find("bias"), data, memory)
    slope = np.float32(stage.parameters["negative_slope"])
    memory.write(stage.find("out"), np.where(values > 0, values, values * slope))


def prelu(stage: Stage, memory: Memory) -> None:
    """Multiply what is not above 0 by the slope of its channel."""
    data = stage.find("in")
    values = memory.read(data)
    memory.write(
        stage.find("out"), np.where(values > 0, values, values * by_channel(stage.find("slope"), data, memory))
    )


def by_vectors(stage: Stage, memory: Memory, scaled: bool, shifted: bool) -> None:
    """Multiply each channel by its scale, and add its shift or bias."""
    data = stage.find("in")
    values = memory.read(data)
    vectors = [by_channel(vector, data, memory) for vector in stage.data[2:]]
    if scaled:
        values *= vectors[0]
    if shifted:
        values += vectors[-1]
    memory.write(stage.find("out"), values)


bias = partial(by_vectors, scaled=False, shifted=True)
scale = partial(by_vectors, scaled=True, shifted=False)
scale_shift = partial(by_vectors, scaled=True, shifted=True)


def by_channel(vector: Data, data: Data, memory: Memory) -> Floats:
    """Return one number for each channel of `data`, in a shape that broadcasts over it."""
    shape = [data.shape.dim("C") if letter == "C" else 1 for letter in in_order(data.shape.letters)]
    return memory.read(vector).ravel()[: data.shape.dim("C")].reshape(shape)
