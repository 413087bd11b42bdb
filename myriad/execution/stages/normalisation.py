"""Stages that divide by what several numbers amount to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, axis_of, check_room


def softmax(stage: Stage, memory: Memory) -> None:
    """Divide exponentials by their sum along an axis."""
    data = stage.find("in")
    axis = axis_of(data, int(stage.parameters["axis"]))
    memory.write(stage.find("out"), shares(memory.read(data), axis))


def shares(values: Floats, axis: int) -> Floats:
    """Return the exponentials, divided by their sum along `axis`."""
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _by_neighbours(stage: Stage, memory: Memory, axes: Sequence[int]) -> None:
    """Divide by a power of the sum of squares over the neighbours along `axes`."""
    size = int(stage.parameters["size"])
    check_room(size, 1 << 16)
    values = memory.read(stage.find("in"))
    sums: NDArray[Any] = values**2
    for axis in axes:
        sums = _sums(sums, size, axis)
    base = stage.parameters["k"] + stage.parameters["alpha"] / size ** len(axes) * sums
    memory.write(stage.find("out"), (values * base ** -stage.parameters["beta"]).astype(np.float32))


lrn = partial(_by_neighbours, axes=(1,))
"""Over neighbouring channels."""
inner_lrn = partial(_by_neighbours, axes=(2, 3))
"""Over the pixels around each one, in its channel."""


def mean_variance(stage: Stage, memory: Memory) -> None:
    """Subtract the mean of each channel, or of the picture, and divide by the standard deviation."""
    if stage.parameters.get("across_width"):
        raise BlobError("takes the mean of each row, which is not computed here.")
    values = memory.pictures(stage.find("in")).astype(np.float32)
    axes = (1, 2, 3) if stage.parameters["across_channels"] else (2, 3)
    values -= values.mean(axis=axes, keepdims=True)
    if stage.parameters["normalize"]:
        values /= np.sqrt((values**2).mean(axis=axes, keepdims=True) + np.float32(stage.parameters["eps"]))
    memory.pictures(stage.find("out"))[...] = values


def grn(stage: Stage, memory: Memory) -> None:
    """Divide each pixel's channels by their Euclidean norm."""
    values = memory.read(stage.find("in"))
    norm = np.sqrt((values**2).sum(axis=1, keepdims=True) + np.float32(stage.parameters["bias"]))
    memory.write(stage.find("out"), values / norm)


def normalize(stage: Stage, memory: Memory) -> None:
    """Divide by the Euclidean norm of each pixel's channels, or of the whole picture, and multiply by scales."""
    values = memory.read(stage.find("in"))
    axes = tuple(range(1, values.ndim)) if stage.parameters["across_spatial"] else (1,)
    norm = np.sqrt((values**2).sum(axis=axes, keepdims=True) + np.float32(stage.parameters["eps"]))
    scales = memory.read(stage.find("scales")).ravel()
    shared = stage.parameters["channel_shared"]
    scales = scales[:1] if shared else scales[: values.shape[1]].reshape(-1, *[1] * (values.ndim - 2))
    memory.write(stage.find("out"), values / norm * scales)


def _sums(values: NDArray[Any], size: int, axis: int) -> NDArray[np.float64]:
    """Return the sum of `size` neighbours around each number along `axis`, in float64."""
    widths = [((size - 1) // 2 + 1, size // 2) if at == axis else (0, 0) for at in range(values.ndim)]
    totals = np.cumsum(np.pad(values, widths), axis=axis, dtype=np.float64)
    count = values.shape[axis]
    return np.take(totals, range(size, size + count), axis) - np.take(totals, range(count), axis)
