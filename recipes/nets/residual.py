"""The layers of FaceRes and its like: a 3x3 convolution, four stages of one residual block, the mean over the map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .layers import Layers


def _block(layers: Layers, name: str, bottom: str, channels: int, stride: int, same: bool) -> str:
    """Add two convolutions, and beside them the bottom itself or a 1x1 convolution of it."""
    first = layers.convolution(f"{name}_a", bottom, channels, 3, stride)
    second = layers.convolution(f"{name}_b", first, channels, 3, 1, relu=False)
    short = bottom if same else layers.convolution(f"{name}_s", bottom, channels, 1, stride, relu=False)
    return layers.relu(layers.sum(name, second, short))


def _body(layers: Layers, channels: Sequence[int]) -> str:
    blob = layers.convolution("stem", "data", channels[0], 3, 2)
    before = channels[0]
    for number, count in enumerate(channels, start=1):
        stride = 1 if number == 1 else 2
        blob = _block(layers, f"res{number}", blob, count, stride, same=stride == 1 and count == before)
        before = count
    return layers.global_average("features", blob)


def residual(*channels: int) -> partial[str]:
    """Return the body of a net with so many channels in each stage."""
    return partial(_body, channels=channels)


def scores(layers: Layers, task: str, features: str, outputs: int) -> str:
    """Add the scores of a task: one InnerProduct."""
    return layers.inner_product(f"{task}_scores", features, outputs, std=0.01)
