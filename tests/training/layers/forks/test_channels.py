"""Axpy, Reorg and ShuffleChannel: what they refuse, and formulas from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

ONE = 'bottom: "x" top: "y"'


def test_shuffle_channel_as_torchs() -> None:
    x = np.random.default_rng(1).normal(size=(2, 12, 3, 4)).astype(np.float32)
    for group in (1, 2, 3, 4, 6, 12):
        layer, _ = layer_of(f'type: "ShuffleChannel" {ONE} shuffle_channel_param {{ group: {group} }}', x.shape)
        np.testing.assert_array_equal(run(layer, x)[0], torch.channel_shuffle(torch.from_numpy(x), group).numpy())


def darknets_reorg(x: np.ndarray, s: int, reverse: bool) -> np.ndarray:
    """Darknet's loops, as its paper's program has them."""
    n, c, h, w = x.shape
    few = c // (s * s)
    flat, top = x.ravel(), np.zeros(x.size, x.dtype)
    for b, k, j, i in np.ndindex(n, c, h, w):
        inner = i + w * (j + h * (k + c * b))
        row, column = j * s + k // few // s, i * s + k // few % s
        outer = column + w * s * (row + h * s * (k % few + few * b))
        if reverse:
            top[outer] = flat[inner]
        else:
            top[inner] = flat[outer]
    return top.reshape((n, few, h * s, w * s) if reverse else (n, c * s * s, h // s, w // s))


@pytest.mark.parametrize("reverse", [False, True])
def test_reorg_as_darknets_loops(reverse: bool) -> None:
    random = np.random.default_rng(2)
    for _ in range(30):
        s, (n, c, h, w) = int(random.integers(1, 4)), map(int, random.integers(1, 4, 4))
        x = random.normal(size=(n, c * s * s, h * s, w * s)).astype(np.float32)
        setting = f"reorg_param {{ stride: {s} reverse: {str(reverse).lower()} }}"
        layer, shapes = layer_of(f'type: "Reorg" {ONE} {setting}', x.shape)
        expected = darknets_reorg(x, s, reverse)
        assert shapes == [expected.shape]
        np.testing.assert_array_equal(run(layer, x)[0], expected)


@pytest.mark.parametrize(
    ("text", "shapes", "words"),
    [
        (f'type: "ShuffleChannel" {ONE} shuffle_channel_param {{ group: 5 }}', [(1, 6, 2, 2)], "group is 5"),
        (f'type: "ShuffleChannel" {ONE} shuffle_channel_param {{ group: 0 }}', [(1, 6, 2, 2)], "group is 0"),
        (f'type: "Reorg" {ONE} reorg_param {{ stride: 2 }}', [(1, 6, 2, 2)], "a multiple of the stride squared"),
        (f'type: "Reorg" {ONE} reorg_param {{ stride: 2 }}', [(1, 4, 3, 2)], "stride 2 does not divide"),
        (f'type: "Reorg" {ONE}', [(1, 4, 3, 2)], "stride is 0"),
        ('type: "Axpy" bottom: "a" bottom: "x" bottom: "y" top: "t"', [(1, 3), (1, 4, 2, 2), (1, 4, 2, 2)], "1x3"),
        ('type: "Axpy" bottom: "a" bottom: "x" bottom: "y" top: "t"', [(1, 4), (1, 4, 2, 2), (1, 4, 2, 1)], "1x4x2x1"),
        ('type: "Axpy" bottom: "a" bottom: "x" top: "t"', [(1, 4), (1, 4, 2, 2)], "has 2 bottoms"),
    ],
)
def test_refused(text: str, shapes: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        layer_of(text, *shapes)
