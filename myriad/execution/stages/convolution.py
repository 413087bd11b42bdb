"""Convolutions of the SHAVE processors, forwards and transposed, and inner products.

Each kind of stage stores its weights in an order of its own, and their shapes do not say which.
"""

from __future__ import annotations

import numpy as np

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room
from .windows import Window, convolve, convolve_each, in_and_out, window_of

_INNERMOST_CHANNELS = ("NHWC", "HWC")
_DEPTH_ROOM = 256


def convolution(stage: Stage, memory: Memory) -> None:
    """Convolve, without a bias."""
    source, output = in_and_out(stage, memory)
    channels, outputs = source.shape[1], output.shape[1]
    window = window_of(stage)
    ky, kx = window.kernel
    stored = memory.constants(stage.find("weights"), outputs * channels * ky * kx)
    if (ky, kx) == (1, 1):
        weights = stored.reshape(outputs, channels, 1, 1)
    elif stage.name == "Im2ColConvolution":
        weights = stored.reshape(outputs, ky, kx, channels).transpose(0, 3, 1, 2)
    elif _inputs_first(stage, (ky, kx), channels * outputs):
        weights = stored.reshape(ky, kx, channels, outputs).transpose(3, 2, 0, 1)
    else:
        weights = stored.reshape(ky, kx, outputs, channels).transpose(2, 3, 0, 1)
    for number, picture in enumerate(source):
        output[number] = convolve(picture, weights, window, output.shape[2:])


def _inputs_first(stage: Stage, kernel: tuple[int, int], size: int) -> bool:
    """Say whether the weights of a place in the window lie inputs x outputs, for a kernel of the device's own."""
    ky, kx = kernel
    innermost = _channels_innermost(stage)
    return innermost and kx in (3, 5, 7, 9, 11) and ky > 1 and size <= _DEPTH_ROOM


def depthwise(stage: Stage, memory: Memory) -> None:
    """Convolve each channel with its own kernel, or with several if there are more outputs than inputs."""
    source, output = in_and_out(stage, memory)
    window = window_of(stage)
    outputs = output.shape[1]
    stored = memory.constants(stage.find("weights"), outputs * window.kernel[0] * window.kernel[1])
    weights = stored.reshape(*window.kernel, outputs).transpose(2, 0, 1)
    for number, picture in enumerate(source):
        repeated = np.repeat(picture, _times(len(picture), outputs), axis=0)
        output[number] = convolve_each(repeated, weights, window, output.shape[2:])


def inner_product(stage: Stage, memory: Memory) -> None:
    """Multiply all numbers of the input by a matrix. Its rows follow the pixels, and in each pixel the channels."""
    data, output = stage.find("in"), memory.tensor(stage.find("out"))
    source = memory.read(data) if data.shape.letters == "NC" else memory.pictures(data).astype(np.float32)
    batch = len(source)
    flat = np.moveaxis(source, 1, -1).reshape(batch, -1)
    outputs = output.size // batch
    stored = memory.constants(stage.find("weights"), flat.shape[1] * outputs)
    output[...] = (flat @ stored.reshape(-1, outputs)).reshape(output.shape)


def deconvolution(stage: Stage, memory: Memory) -> None:
    """Transposed convolution. The kernel is stored turned by 180 degrees."""
    source, output = in_and_out(stage, memory)
    channels, outputs = source.shape[1], output.shape[1]
    window = window_of(stage)
    ky, kx = window.kernel
    stored = memory.constants(stage.find("weights"), outputs * channels * ky * kx)
    weights = stored.reshape(ky, kx, outputs, channels).transpose(2, 3, 0, 1)
    for number, picture in enumerate(source):
        output[number] = convolve(
            _spread(picture, window, output.shape[2:]), weights, Window((ky, kx)), output.shape[2:]
        )


def depthwise_deconvolution(stage: Stage, memory: Memory) -> None:
    """Transposed convolution of each channel with its own kernel, which is stored turned by 180 degrees."""
    source, output = in_and_out(stage, memory)
    outputs = output.shape[1]
    window = window_of(stage)
    ky, kx = window.kernel
    stored = memory.constants(stage.find("weights"), outputs * ky * kx)
    innermost = _channels_innermost(stage)
    weights = stored.reshape(ky, kx, outputs).transpose(2, 0, 1) if innermost else stored.reshape(outputs, ky, kx)
    for number, picture in enumerate(source):
        spread = _spread(picture, window, output.shape[2:])
        output[number] = convolve_each(spread, weights, Window((ky, kx)), output.shape[2:])


def _spread(picture: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """Put the pixels a stride apart among zeros, so that a convolution with stride 1 gives pictures of `size`."""
    whole = [side + kernel - 1 for side, kernel in zip(size, window.kernel, strict=True)]
    check_room(len(picture), *whole)
    result = np.zeros((len(picture), *whole), np.float32)
    places = []
    for length, side, kernel, stride, pad in zip(
        whole, picture.shape[1:], window.kernel, window.stride, window.before, strict=True
    ):
        first = kernel - 1 - pad
        indices = first + stride * np.arange(side)
        inside = (indices >= 0) & (indices < length)
        places.append((indices[inside], np.flatnonzero(inside)))
    (rows, from_rows), (columns, from_columns) = places
    result[:, rows[:, None], columns] = picture[:, from_rows[:, None], from_columns]
    return result


def _channels_innermost(stage: Stage) -> bool:
    return stage.find("in").shape.letters in _INNERMOST_CHANNELS


def _times(channels: int, outputs: int) -> int:
    if outputs % channels:
        raise BlobError(f"makes {outputs} channels from {channels}, one kernel for each.")
    return outputs // channels
