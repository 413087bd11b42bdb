"""Pooling layers against a slow and plain version of Caffe's rule."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from kits.ncs import Floats, net_of, pixels, run_net
from ncs.converter import convert
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


# Kernel, stride, pad, size of the bottom: the last window reaches beyond it, and the output has more than 5 x 5 numbers.
OVERHANGS = [(3, 3, 0, 20), (5, 2, 0, 18), (7, 4, 0, 33), (6, 5, 1, 42), (4, 3, 0, 24), (4, 3, 1, 24), (5, 4, 2, 26)]


@pytest.mark.parametrize(("kernel", "stride", "pad", "size"), OVERHANGS)
def test_averages_beyond_the_bottom(kernel: int, stride: int, pad: int, size: int) -> None:
    picture = pixels((1, 2, size, size))
    layer = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p"'
        f" pooling_param {{ pool: AVE kernel_size: {kernel} stride: {stride} pad: {pad} }} }}"
    )
    expected = caffe_pooling(picture.astype(np.float32) - 128, "AVE", kernel, stride, pad)
    np.testing.assert_allclose(run_net(layer, picture)["p"], expected, atol=1e-3)
    assert expected.shape[2] > 5


def operations(param: str, size: int, channels: int = 4) -> list[str]:
    """The operations of an average, from the bottom on."""
    layer = f'layer {{ name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param {{ pool: AVE {param} }} }}'
    model = convert(net_of(layer, (1, channels, size, size)), {})
    kinds = [node.get_type_name() for node in model.get_ordered_ops()]
    return [kind for kind in kinds if kind not in ("Parameter", "Constant", "Convert", "Result")]


@pytest.mark.parametrize(
    ("param", "size", "kinds"),
    [
        ("kernel_size: 3 stride: 3", 20, ["GroupConvolution", "Multiply"]),
        ("kernel_size: 5 stride: 2", 18, ["AvgPool", "Multiply"]),
        ("kernel_size: 7 stride: 4", 33, ["AvgPool", "Multiply"]),
        ("kernel_size: 6 stride: 5 pad: 1", 42, ["AvgPool", "Multiply"]),
        # Padded on two sides of four.
        ("kernel_size: 3 pad_h: 1 pad_w: 0", 20, ["GroupConvolution"]),
        # The compiler does these right.
        ("kernel_size: 3 stride: 3 pad: 1", 20, ["AvgPool"]),
        ("kernel_size: 3 stride: 2", 20, ["AvgPool"]),
        ("kernel_size: 5 stride: 3", 21, ["AvgPool"]),
        ("kernel_size: 2 stride: 2", 15, ["AvgPool"]),
        ("kernel_size: 4 stride: 3 pad: 1", 15, ["Pad", "AvgPool"]),
        ("kernel_size: 3 stride: 3", 14, ["AvgPool"]),
        ("kernel_size: 17 stride: 9", 99, ["AvgPool"]),
        ("kernel_size: 5 stride_h: 4 stride_w: 2", 18, ["AvgPool"]),
        ("global_pooling: true", 16, ["AvgPool"]),
    ],
)
def test_the_form_that_the_myriad_compiler_gets_right(param: str, size: int, kinds: list[str]) -> None:
    """OpenVINO 2021.4.2 compiles averages with exclude-pad wrong; tests/oracle/test_pooling_blobs.py looks at blobs."""
    assert operations(param, size) == kinds


def test_a_last_row_outside_and_a_last_column_beyond() -> None:
    picture = pixels((1, 2, 9, 8))
    layer = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p"'
        " pooling_param { pool: AVE kernel_h: 1 kernel_w: 3 stride_h: 5 stride_w: 2 } }"
    )
    got = run_net(layer, picture)["p"]
    x = picture.astype(np.float32) - 128
    assert got.shape == (1, 2, 3, 4)
    np.testing.assert_allclose(got[0, :, 1, 3], x[0, :, 5, 6:8].mean(-1), atol=1e-3)
    np.testing.assert_array_equal(got[0, :, 2], 0)


def test_stochastic_averages_beyond_the_bottom() -> None:
    """Its weights are the numbers themselves, so nothing depends on how many there are."""
    picture = pixels((1, 2, 20, 20))
    layer = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p"'
        " pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 3 } }"
    )
    got = run_net(layer, picture, mean=0.0)["p"]
    last = picture[:, :, 18:, 18:].astype(np.float64)
    np.testing.assert_allclose(got[:, :, 6, 6], (last**2).sum((2, 3)) / last.sum((2, 3)), rtol=1e-4)


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
