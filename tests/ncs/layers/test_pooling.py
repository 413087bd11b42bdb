"""Pooling layers against a slow and plain version of Caffe's rule."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from kits.ncs import Floats, pixels, run_net
from ncs.errors import ConversionError


def caffe_pooling(x: Floats, method: str, kernel: int, stride: int, pad: int) -> Floats:
    """Every window by itself: sizes rounded up, the last window dropped if it would begin in the padding."""
    _, _, height, width = x.shape
    rows, columns = (math.ceil((size + 2 * pad - kernel) / stride) + 1 for size in (height, width))
    if pad:
        rows -= (rows - 1) * stride >= height + pad
        columns -= (columns - 1) * stride >= width + pad
    out = np.zeros((*x.shape[:2], rows, columns), np.float32)
    for row, column in itertools.product(range(rows), range(columns)):
        top, left = row * stride - pad, column * stride - pad
        bottom, right = min(top + kernel, height + pad), min(left + kernel, width + pad)
        count = (bottom - top) * (right - left)  # the zeros of the padding count, what lies beyond does not
        window = x[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        out[:, :, row, column] = window.max((2, 3)) if method == "MAX" else window.sum((2, 3)) / count
    return out


SETTINGS = [
    (kernel, stride, pad)
    for kernel, stride, pad in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2, 3))
    if pad < kernel and not (stride > kernel and pad == 0)
]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("size", [(9, 8), (7, 10), (5, 6)])
def test_every_window(method: str, size: tuple[int, int]) -> None:
    picture = pixels((1, 2, *size))
    layers = [
        f'layer {{ name: "p{k}{s}{p}" type: "Pooling" bottom: "data" top: "p{k}{s}{p}"'
        f" pooling_param {{ pool: {method} kernel_size: {k} stride: {s} pad: {p} }} }}"
        for k, s, p in SETTINGS
    ]
    got = run_net("".join(layers), picture)
    for k, s, p in SETTINGS:
        expected = caffe_pooling(picture.astype(np.float32) - 128, method, k, s, p)
        np.testing.assert_allclose(got[f"p{k}{s}{p}"], expected, atol=1e-3, err_msg=f"kernel {k}, stride {s}, pad {p}")


def test_agenet_sizes_are_rounded_up() -> None:
    layer = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { kernel_size: 3 stride: 2 } }'
    assert [run_net(layer, pixels((1, 1, size, size)))["p"].shape[2] for size in (56, 28, 14)] == [28, 14, 7]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_global_and_rectangular(method: str) -> None:
    picture = pixels((1, 3, 7, 5))
    layers = (
        f'layer {{ name: "g" type: "Pooling" bottom: "data" top: "g" pooling_param {{ pool: {method} global_pooling: true }} }}'
        f'layer {{ name: "r" type: "Pooling" bottom: "data" top: "r" pooling_param {{ pool: {method}'
        " kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 3 pad_h: 1 pad_w: 0 } }"
    )
    got = run_net(layers, picture)
    centred = picture.astype(np.float32) - 128
    reduce = np.max if method == "MAX" else np.mean
    np.testing.assert_allclose(got["g"][:, :, 0, 0], reduce(centred, axis=(2, 3)), atol=1e-3)
    assert got["r"].shape == (1, 3, 4, 2)
    np.testing.assert_allclose(got["r"][0, :, 1, 1], reduce(centred[0, :, 1:4, 3:5], axis=(1, 2)), atol=1e-3)


def test_floor_mode() -> None:
    layer = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p"'
        " pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR } }"
    )
    assert run_net(layer, pixels((1, 1, 10, 9)))["p"].shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("param", "word"),
    [
        ("pool: STOCHASTIC kernel_size: 2 pad: 1", "STOCHASTIC"),
        ("kernel_size: 2 pad: 2", "pad 2x2 must be smaller than the kernel 2x2"),
        ("kernel_size: 30", "kernel 30x30 is larger than its bottom of 9x8"),
        ("kernel_size: 1 stride: 5", "outside"),
        ("pool: AVE kernel_h: 1 kernel_w: 1 stride_h: 3 stride_w: 1", "outside.*NaN"),
        ("kernel_size: 10 stride: 2 round_mode: FLOOR", "larger than its bottom"),
        ("stride: 2", "kernel"),
    ],
)
def test_settings_that_are_refused(param: str, word: str) -> None:
    layer = f'layer {{ name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param {{ {param} }} }}'
    with pytest.raises(ConversionError, match=word):
        run_net(layer, pixels())


def test_second_top_is_refused() -> None:
    layer = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" top: "mask" pooling_param { kernel_size: 2 } }'
    with pytest.raises(ConversionError, match="mask"):
        run_net(layer, pixels())
