"""Stage MyriadXHwOp: convolutions and poolings of the chip's own unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import BlobError
from ..stage import Stage
from ..unit import Descriptor, Job, Side
from .memory import Floats, Memory

LANES = 8
"""Output channels that lie side by side in the weights."""


def unit(stage: Stage, memory: Memory) -> None:
    """Do the jobs of the stage one after another."""
    for job in stage.jobs:
        JOBS[job.job](stage, job, memory)


def _convolve(stage: Stage, job: Descriptor, memory: Memory) -> None:
    """Convolve all channels of the input, add the bias, multiply by the scale, apply ReLU or clamp, take maxima of windows."""
    output = memory.tensor(stage.data[job.output])
    source = memory.tensor(stage.data[job.input])
    (_, _, height, width), (kx, ky) = output.shape, job.kernel
    pool_x, pool_y = job.pooling or (1, 1)
    weights = _weights(stage, job, memory)
    # A channel beyond the real ones has weights of zero, and its memory may hold anything.
    used = np.flatnonzero(weights.any(axis=(0, 2, 3)))
    windows = _windows(
        source[0, used].astype(np.float32),
        (height * pool_y, width * pool_x),
        (ky, kx),
        job.stride,
        (ky // 2, kx // 2) if job.padded else (0, 0),
    )
    values = np.tensordot(weights[:, used], windows, axes=([1, 2, 3], [0, 3, 4]))
    channels = slice(job.first, job.first + job.count)
    for place, combine in ((job.bias, np.add), (job.scales, np.multiply)):
        if place >= 0:
            values = combine(values, memory.read(stage.data[place])[channels, None, None])
    values = _activate(job, values)
    if job.pooling:
        values = values.reshape(len(values), height, pool_y, width, pool_x).max(axis=(2, 4))
    output[0, channels] = values


def _weights(stage: Stage, job: Descriptor, memory: Memory) -> Floats:
    """Return the weights of the job's output channels: outputs x inputs x kernel height x kernel width."""
    blocks, inputs, _, _ = stage.data[job.weights].shape.dims
    kx, ky = job.kernel
    first, last = job.first // LANES, -(-(job.first + job.count) // LANES)
    stored = memory.array(stage.data[job.weights])[first : min(last, blocks)].astype(np.float32)
    weights = stored.transpose(0, 3, 1, 2).reshape(-1, inputs, ky, kx)
    begin = job.first - first * LANES
    return weights[begin : begin + job.count]


def _activate(job: Descriptor, values: Floats) -> Floats:
    if job.relu:
        threshold, below, above = job.relu
        return np.where(values > threshold, values * above, values * below)
    if job.clamp is not None:
        return np.clip(values, 0, job.clamp)
    return values


def _windows(
    source: Floats,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    before: tuple[int, int],
    fill: float = 0,
) -> Floats:
    """Return the windows of channels x height x width: channels x output height x output width x kernel height x kernel width."""
    after = [
        max(0, (count - 1) * stride + window - begin - length)
        for count, window, begin, length in zip(size, kernel, before, source.shape[1:], strict=True)
    ]
    padded = np.pad(source, [(0, 0), *zip(before, after, strict=True)], constant_values=fill)
    windows = sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride, ::stride]
    return windows[:, : size[0], : size[1]]


def _pool(stage: Stage, job: Descriptor, memory: Memory) -> None:
    """Take the maximum or the mean of each window. The mean divides by all of the window, padding included."""
    output = memory.tensor(stage.data[job.output])
    source = memory.tensor(stage.data[job.input])
    channels = slice(job.first, job.first + job.count)
    kx, ky = job.kernel
    sides = job.sides if not job.average else Side.LEFT | Side.TOP if job.padded else Side(0)
    windows = _windows(
        source[0, channels].astype(np.float32),
        output.shape[2:],
        (ky, kx),
        job.stride,
        (ky // 2 if Side.TOP in sides else 0, kx // 2 if Side.LEFT in sides else 0),
        0 if job.average else -np.inf,
    )
    values = windows.sum(axis=(3, 4), dtype=np.float32) / (kx * ky) if job.average else windows.max(axis=(3, 4))
    output[0, channels] = values


def _refuse(stage: Stage, _: Descriptor, __: Memory) -> None:
    raise BlobError("an inner product of the unit is not computed here.")


JOBS: dict[Job, Callable[[Stage, Descriptor, Memory], None]] = {
    Job.CONVOLUTION: _convolve,
    Job.CONVOLUTION_AND_POOLING: _convolve,
    Job.INNER_PRODUCT: _refuse,
    Job.POOLING: _pool,
}
