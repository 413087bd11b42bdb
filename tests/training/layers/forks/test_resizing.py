"""Interp and Upsample: their sizes, what they refuse, and their gradients. tests/oracle compares their numbers with judges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

ONE = 'bottom: "x" top: "y"'
TWO = 'bottom: "x" bottom: "m" top: "y"'


@pytest.mark.parametrize(
    ("setting", "size"),
    [
        ("height: 7 width: 9", (7, 9)),
        ("zoom_factor: 3", (13, 16)),
        ("shrink_factor: 2", (3, 3)),
        ("zoom_factor: 2 shrink_factor: 2", (5, 5)),
        ("zoom_factor: 2 height: 50 width: 50", (9, 11)),
        ("zoom_factor: 2 shrink_factor: 2 height: 50 width: 40", (50, 40)),
        ("zoom_factor: 2 pad_beg: -1 pad_end: -2", (3, 5)),
    ],
)
def test_interp_sizes(setting: str, size: tuple[int, int]) -> None:
    _, shapes = layer_of(f'type: "Interp" {ONE} interp_param {{ {setting} }}', (2, 3, 5, 6))
    assert shapes == [(2, 3, *size)]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("", "says no size"),
        ("height: 4", "says no size"),
        ("height: 0 width: 4", "height is 0 and width 4; expected at least 1"),
        ("zoom_factor: 0", "zoom_factor is 0"),
        ("shrink_factor: -2", "shrink_factor -2"),
        ("zoom_factor: 2 pad_beg: 1", "pad_beg is 1 and pad_end 0; expected 0, or less"),
        ("zoom_factor: 2 pad_beg: -3 pad_end: -2", "leave nothing of 2x3x5x6"),
    ],
)
def test_interp_refuses(setting: str, words: str) -> None:
    with pytest.raises(LayerError, match=words):
        layer_of(f'type: "Interp" {ONE} interp_param {{ {setting} }}', (2, 3, 5, 6))


def test_interp_takes_the_size_of_its_second_bottom_or_says_it() -> None:
    _, shapes = layer_of(f'type: "Interp" {TWO}', (1, 3, 5, 6), (1, 2, 7, 8))
    assert shapes == [(1, 3, 7, 8)]
    with pytest.raises(LayerError, match="has a second bottom, whose size it takes, and also zoom_factor"):
        layer_of(f'type: "Interp" {TWO} interp_param {{ zoom_factor: 2 }}', (1, 3, 5, 6), (1, 2, 7, 8))
    with pytest.raises(LayerError, match="expected a bottom of 4 axes"):
        layer_of(f'type: "Interp" {TWO}', (1, 3, 5, 6), (1, 2))


@pytest.mark.parametrize(
    ("bottoms", "setting", "words"),
    [
        (ONE, "", "needs a scale of at least 1"),
        (ONE, "scale: 0", "needs a scale of at least 1"),
        (ONE, "scale_h: 2 scale_w: 2", "has scale_h, scale_w and no mask"),
        (TWO, "scale: 1", "its scale is 1x1; expected at least 2"),
        (TWO, "scale: 3 pad_out_h: true", "pad_out_h and pad_out_w need a scale of 2"),
        (TWO, "upsample_h: 1 upsample_w: 9", "upsample_h is 1"),
    ],
)
def test_upsample_refuses(bottoms: str, setting: str, words: str) -> None:
    shapes = [(1, 3, 4, 5)] * (2 if bottoms == TWO else 1)
    with pytest.raises(LayerError, match=words):
        layer_of(f'type: "Upsample" {bottoms} upsample_param {{ {setting} }}', *shapes)


@pytest.mark.parametrize(
    ("setting", "size"),
    [
        ("", (8, 10)),
        ("scale: 3", (12, 15)),
        ("scale: 2 pad_out_h: true", (7, 10)),
        ("scale_h: 2 scale_w: 3", (8, 15)),
        ("upsample_h: 7 upsample_w: 9", (7, 9)),
    ],
)
def test_upsample_sizes_with_a_mask(setting: str, size: tuple[int, int]) -> None:
    _, shapes = layer_of(f'type: "Upsample" {TWO} upsample_param {{ {setting} }}', (1, 3, 4, 5), (1, 3, 4, 5))
    assert shapes == [(1, 3, *size)]


def test_upsample_refuses_a_mask_of_a_larger_bottom() -> None:
    layer, _ = layer_of(f'type: "Upsample" {TWO} upsample_param {{ upsample_h: 2 upsample_w: 2 }}', *[(1, 1, 1, 2)] * 2)
    with pytest.raises(LayerError, match=r"points to number 4 of a channel, but its top of 2x2 has 4\. .*upsample_h"):
        run(layer, np.ones((1, 1, 1, 2), np.float32), np.array([0, 4], np.float32).reshape(1, 1, 1, 2))
    with pytest.raises(LayerError, match=r"its mask is 1x1x2x2, but its first bottom 1x1x1x2"):
        layer_of(f'type: "Upsample" {TWO}', (1, 1, 1, 2), (1, 1, 2, 2))


@pytest.mark.parametrize(
    "text",
    [
        f'type: "Interp" {ONE} interp_param {{ height: 7 width: 3 pad_beg: -1 }}',
        f'type: "Upsample" {ONE} upsample_param {{ scale: 2 }}',
    ],
)
def test_gradients(text: str) -> None:
    layer, _ = layer_of(text, (2, 3, 4, 5))
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(layer.forward([x])), (x,))


def test_gradient_of_the_unpooling() -> None:
    layer, _ = layer_of(f'type: "Upsample" {TWO} upsample_param {{ scale: 2 }}', (1, 2, 2, 2), (1, 2, 2, 2))
    mask = torch.tensor([[0, 3, 9, 14], [5, 2, 12, 11]]).reshape(1, 2, 2, 2).float()
    x = torch.randn(1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(layer.forward([x, mask])), (x,))
