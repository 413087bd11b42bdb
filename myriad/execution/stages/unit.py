"""Stage MyriadXHwOp: convolutions and poolings of the chip's own unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ...errors import BlobError
from ...stage import Stage
from ...unit import Descriptor, Job, Side
from ..memory import Floats, Memory
from .windows import Window, convolve, convolve_each

LANES = 8
"""Output channels that lie side by side in the weights."""
_MOST_WEIGHTS = 1 << 23
"""Weights that are unpacked at a time, so that memory is bounded."""


def unit(stage: Stage, memory: Memory) -> None:
    """Do the jobs of the stage one after another."""
    for job in _joined(stage.jobs):
        JOBS[job.job](stage, job, memory)


def _joined(jobs: tuple[Descriptor, ...]) -> Iterator[Descriptor]:
    """Join jobs that only differ in their output channels, which follow each other: one product is faster than several."""
    last: Descriptor | None = None
    for job in jobs:
        if last and job == replace(last, first=last.first + last.count, count=job.count):
            last = replace(last, count=last.count + job.count)
            continue
        if last:
            yield last
        last = job
    if last:
        yield last


def _convolve(stage: Stage, job: Descriptor, memory: Memory) -> None:
    """Convolve all channels of the input, add the bias, multiply by the scale, apply ReLU or clamp, take maxima of windows."""
    source, output = memory.tensor(stage.data[job.input]), memory.tensor(stage.data[job.output])
    if source.ndim != 4 or output.ndim != 4 or len(source) != 1 or len(output) != 1:
        raise BlobError(f"convolves {source.shape} into {output.shape}, expected one picture.")
    (_, channels, _, _), (kx, ky) = source.shape, job.kernel
    step = max(LANES, _MOST_WEIGHTS // max(1, channels * kx * ky) // LANES * LANES)
    # Blocks begin at whole lanes.
    for first in range(job.first // LANES * LANES, job.first + job.count, step):
        begin, end = max(first, job.first), min(first + step, job.first + job.count)
        _convolve_block(stage, replace(job, first=begin, count=end - begin), memory)


def _convolve_block(stage: Stage, job: Descriptor, memory: Memory) -> None:
    source, output = memory.tensor(stage.data[job.input]), memory.tensor(stage.data[job.output])
    (height, width), (kx, ky) = output.shape[2:], job.kernel
    pool_x, pool_y = job.pooling or (1, 1)
    before = (ky // 2, kx // 2) if job.padded else (0, 0)
    window = Window((ky, kx), (job.stride, job.stride), before)
    values = _products(source[0], _weights(stage, job, memory), window, (height * pool_y, width * pool_x))
    channels = slice(job.first, job.first + job.count)
    for place, combine in ((job.bias, np.add), (job.scales, np.multiply)):
        if place >= 0:
            combine(values, memory.read(stage.data[place]).ravel()[channels, None, None], out=values)
    values = _activate(job, values)
    if job.pooling:
        values = values.reshape(len(values), height, pool_y, width, pool_x).max(axis=(2, 4))
    output[0, channels] = values


def _products(source: Floats, weights: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """Convolve, by the channels alone that have weights."""
    used = np.asarray(weights.any(axis=(2, 3)))
    if (used.sum(axis=1) <= 1).all():
        # A depthwise convolution comes as a dense one.
        partner = used.argmax(axis=1)
        # What has no weights may be anything in memory.
        own = np.where(used.any(axis=1).reshape(-1, 1, 1), source[partner], 0).astype(np.float32)
        return convolve_each(own, weights[np.arange(len(weights)), partner], window, size)
    channels = np.flatnonzero(used.any(axis=0))
    if len(channels) < len(source):
        source, weights = source[channels], weights[:, channels]
    return convolve(source.astype(np.float32), weights, window, size)


def _weights(stage: Stage, job: Descriptor, memory: Memory) -> Floats:
    """Return the weights of the job's output channels: outputs x inputs x kernel height x kernel width."""
    blocks, inputs, _, _ = stage.data[job.weights].shape.dims
    kx, ky = job.kernel
    first, last = job.first // LANES, -(-(job.first + job.count) // LANES)
    if last > blocks:
        raise BlobError(f"makes channel {job.first + job.count - 1}, but has weights for {blocks * LANES}.")
    stored = memory.array(stage.data[job.weights])[first:last]
    weights = stored.transpose(0, 3, 1, 2).astype(np.float32, order="C").reshape(-1, inputs, ky, kx)
    begin = job.first - first * LANES
    return weights[begin : begin + job.count]


def _activate(job: Descriptor, values: Floats) -> Floats:
    if job.relu:
        threshold, below, above = job.relu
        return np.where(values > threshold, values * above, values * below)
    if job.clamp is not None:
        return np.clip(values, 0, job.clamp)
    return values


def _pool(stage: Stage, job: Descriptor, memory: Memory) -> None:
    """Take the maximum or the mean of each window. The mean divides by all of the window, padding included."""
    output = memory.tensor(stage.data[job.output])
    source = memory.tensor(stage.data[job.input])
    (kx, ky), planes = job.kernel, np.arange(job.first, job.first + job.count)
    sides = job.sides if not job.average else Side.LEFT | Side.TOP if job.padded else Side(0)
    before = (ky // 2 if Side.TOP in sides else 0, kx // 2 if Side.LEFT in sides else 0)
    # Planes are counted through all pictures.
    windows = Window((ky, kx), (job.stride, job.stride), before).over(
        source[np.divmod(planes, source.shape[1])].astype(np.float32), output.shape[2:], 0 if job.average else -np.inf
    )
    combine = np.add if job.average else np.maximum
    values = windows[..., 0, 0].copy()
    for y, x in list(np.ndindex(ky, kx))[1:]:
        combine(values, windows[..., y, x], out=values)
    output[np.divmod(planes, output.shape[1])] = _activate(job, values / np.float32(kx * ky) if job.average else values)


JOBS: dict[Job, Callable[[Stage, Descriptor, Memory], None]] = {
    Job.CONVOLUTION: _convolve,
    Job.CONVOLUTION_AND_POOLING: _convolve,
    Job.POOLING: _pool,
}
"""The reader refuses inner products, which no known compiler writes."""
