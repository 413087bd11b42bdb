"""Poolings of the SHAVE processors."""

from __future__ import annotations

import numpy as np

from ...stage import Stage
from ..memory import Memory
from .windows import in_and_out, window_of


def maximum(stage: Stage, memory: Memory) -> None:
    """Take the maximum of each window. Padding does not count."""
    source, output = in_and_out(stage, memory)
    window = window_of(stage)
    for number, picture in enumerate(source):
        output[number] = window.over(picture, output.shape[2:], -np.inf).max(axis=(3, 4))


def average(stage: Stage, memory: Memory) -> None:
    """Take the mean of each window, over all of its places or, with exclude_pad, over those in the picture."""
    source, output = in_and_out(stage, memory)
    window = window_of(stage)
    size = output.shape[2:]
    count = np.float32(window.kernel[0] * window.kernel[1])
    if stage.parameters["exclude_pad"]:
        count = window.over(np.ones((1, *source.shape[2:]), np.float32), size).sum(axis=(3, 4))
    for number, picture in enumerate(source):
        output[number] = window.over(picture, size).sum(axis=(3, 4)) / count


def global_maximum(stage: Stage, memory: Memory) -> None:
    """Take the maximum of each channel."""
    source, output = in_and_out(stage, memory)
    output[...] = source.max(axis=(2, 3), keepdims=True)


def global_average(stage: Stage, memory: Memory) -> None:
    """Take the mean of each channel."""
    source, output = in_and_out(stage, memory)
    output[...] = source.mean(axis=(2, 3), keepdims=True)
