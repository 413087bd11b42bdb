"""Stages that take several numbers together: sums, means, maxima, and the largest ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BlobError
from ...stage import Stage
from ..memory import Memory, axis_of

REDUCE: dict[str, Callable[..., Any]] = {
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceAnd": lambda values, axis: (values != 0).all(axis=axis),
}
"""By the name of the stage."""


def reduce(stage: Stage, memory: Memory) -> None:
    """Take the sum, mean, maximum or minimum along some axes."""
    data = stage.find("in")
    axes = tuple({axis_of(data, int(number)) for number in memory.read(stage.find("axes")).ravel()})
    values = REDUCE[stage.name](memory.read(data), axis=axes)
    place = memory.tensor(stage.find("out"))
    memory.write(stage.find("out"), np.asarray(values).reshape(place.shape))


def top_k(stage: Stage, memory: Memory) -> None:
    """Find the largest or smallest numbers along an axis: the numbers, their places, or both."""
    data = stage.find("in")
    axis = axis_of(data, int(stage.parameters["axis"]))
    values = memory.read(data)
    count = int(memory.read(stage.find("k")).ravel()[0])
    outputs = stage.outputs
    wanted = [name for name in ("values", "indices") if stage.parameters[name]]
    if not 0 < count <= values.shape[axis] or len(outputs) != len(wanted):
        raise BlobError(f"takes {count} of {values.shape[axis]} numbers, into {len(outputs)} outputs.")
    # Stable: of equal numbers the first one comes first.
    order = np.argsort(values if stage.parameters["mode"] == _SMALLEST else -values, axis=axis, kind="stable")
    places = np.take(order, range(count), axis)
    if stage.parameters["sort"] == _BY_PLACE:
        places = np.sort(places, axis=axis)
    found: dict[str, NDArray[Any]] = {"values": np.take_along_axis(values, places, axis), "indices": places}
    for name, output in zip(wanted, outputs, strict=True):
        memory.write(output, found[name])


_SMALLEST = 1
_BY_PLACE = 2
