"""Windows that move over pictures, and convolutions with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room

Pair = tuple[int, int]
_BLOCK = 1 << 23
"""Numbers of windows that are laid out at a time, so that memory is bounded."""
_MOST_SIDE = 1 << 12
_MOST_WORK = 1 << 40


@dataclass(frozen=True)
class Window:
    """A window and how it moves. Pairs are height, width; `before` is the padding at the top and on the left."""

    kernel: Pair
    stride: Pair = (1, 1)
    before: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        """Refuse numbers that no compiler writes."""
        if not all(1 <= number <= _MOST_SIDE for number in (*self.kernel, *self.stride, *self.dilation)):
            raise BlobError(f"has a kernel of {self.kernel}, stride {self.stride} and dilation {self.dilation}.")
        if not all(0 <= number <= _MOST_SIDE for number in self.before):
            raise BlobError(f"is padded by {self.before}.")

    def over(self, source: Floats, size: Pair, fill: float = 0) -> Floats:
        """Return the windows of channels x height x width: channels x `size` x kernel. Padding holds `fill`."""
        reach = [(side - 1) * step + 1 for side, step in zip(self.kernel, self.dilation, strict=True)]
        needed = [(count - 1) * step + window for count, step, window in zip(size, self.stride, reach, strict=True)]
        check_room(len(source), *(max(n, 1) + side for n, side in zip(needed, source.shape[1:], strict=True)))
        after = [
            max(0, length - begin - side)
            for length, begin, side in zip(needed, self.before, source.shape[1:], strict=True)
        ]
        if any(after) or any(self.before):
            source = np.pad(source, [(0, 0), *zip(self.before, after, strict=True)], constant_values=fill)
        (down, across), (tall, wide) = self.stride, self.dilation
        windows = sliding_window_view(source[:, : needed[0], : needed[1]], reach, axis=(1, 2))
        return windows[:, ::down, ::across, ::tall, ::wide]


def window_of(stage: Stage) -> Window:
    """Return the window that the parameters of a convolution or pooling of the SHAVEs describe."""
    named = {name: int(value) for name, value in stage.parameters.items()}
    return Window(
        (named["kernel_y"], named["kernel_x"]),
        (named["stride_y"], named["stride_x"]),
        (named["pad_top"], named["pad_left"]),
        (named.get("dilation_y", 1), named.get("dilation_x", 1)),
    )


def in_and_out(stage: Stage, memory: Memory) -> tuple[Floats, NDArray[Any]]:
    """Return the pictures that a stage reads, as float32, and where it writes."""
    return memory.pictures(stage.find("in")).astype(np.float32), memory.pictures(stage.find("out"))


def convolve(source: Floats, weights: Floats, window: Window, size: Pair) -> Floats:
    """Return outputs x `size` from channels x height x width and outputs x channels x kernel."""
    single = (1, 1)
    if window.kernel == window.stride == single and not any(window.before) and source.shape[1:] == size:
        return (weights[:, :, 0, 0] @ source.reshape(len(source), -1)).reshape(-1, *size)
    _check_work(weights.size, *size)
    windows = window.over(source, size)
    flat = weights.reshape(len(weights), -1)
    result = np.empty((len(weights), *size), np.float32)
    for rows in blocks(size[0], flat.shape[1] * size[1]):
        part = windows[:, rows].transpose(0, 3, 4, 1, 2).reshape(flat.shape[1], -1)
        result[:, rows] = (flat @ part).reshape(len(weights), -1, size[1])
    return result


def convolve_each(source: Floats, weights: Floats, window: Window, size: Pair) -> Floats:
    """Convolve each channel with its own kernel: channels x kernel. Returns channels x `size`."""
    _check_work(weights.size, *size)
    windows = window.over(source, size)
    result = np.zeros((len(source), *size), np.float32)
    for y, x in np.ndindex(*window.kernel):
        result += windows[:, :, :, y, x] * weights[:, y, x, None, None]
    return result


def _check_work(*sizes: float) -> None:
    """Raise BlobError for more multiply-adds than a stick does in minutes."""
    if prod(sizes) > _MOST_WORK:
        raise BlobError(f"has {prod(sizes):g} multiply-adds, more than any network.")


def blocks(count: int, numbers: int) -> Iterator[slice]:
    """Cut `count` items of `numbers` numbers each into slices of bounded size."""
    step = max(1, _BLOCK // max(1, numbers))
    for begin in range(0, count, step):
        yield slice(begin, min(count, begin + step))
