"""Pooling against plain loops with Caffe's rule for windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST
from kits.training_layers import layer_of, run
from training.errors import LayerError


def extent(size: int, kernel: int, stride: int, pad: int, padded: bool, floor: bool) -> int:
    """Count the windows: rounded up; with padding, the last one must begin before the padding at the end."""
    exact = (size + 2 * pad - kernel) / stride
    count = (math.floor(exact) if floor else math.ceil(exact)) + 1
    return count - 1 if padded and (count - 1) * stride >= size + pad else count


def by_loops(x: np.ndarray, kernel, stride, pad, average: bool, floor: bool) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """Compute Caffe's pooling window by window: values, and for MAX their indices in the bottom."""
    height, width = x.shape[2:]
    rows, columns = (
        extent(size, k, s, p, any(pad), floor)
        for size, k, s, p in zip((height, width), kernel, stride, pad, strict=True)
    )
    top, mask = np.zeros((*x.shape[:2], rows, columns)), np.zeros((*x.shape[:2], rows, columns))
    for n, c, row, column in np.ndindex(top.shape):
        top_edge, left_edge = row * stride[0] - pad[0], column * stride[1] - pad[1]
        bottom_edge = min(top_edge + kernel[0], height + pad[0])
        right_edge = min(left_edge + kernel[1], width + pad[1])
        area = (bottom_edge - top_edge) * (right_edge - left_edge)
        inside = [
            (x[n, c, i, j], i * width + j)
            for i in range(max(0, top_edge), min(bottom_edge, height))
            for j in range(max(0, left_edge), min(right_edge, width))
        ]
        if average:
            with np.errstate(invalid="ignore"):
                top[n, c, row, column] = np.float64(sum(value for value, _ in inside)) / area
        else:
            # For a window outside the bottom.
            nothing = (np.finfo(np.float32).min, -1)
            top[n, c, row, column], mask[n, c, row, column] = max(inside, key=lambda pair: pair[0], default=nothing)
    return top, mask


@pytest.mark.parametrize("seed", range(8))
def test_values_in_random_sizes(seed: int) -> None:
    random = np.random.default_rng(seed)
    done = 0
    while done < 12:
        size, kernel, stride = random.integers(1, 10, 2), random.integers(1, 6, 2), random.integers(1, 6, 2)
        pad = np.array([random.integers(0, k) for k in kernel]) * random.integers(2)
        average, floor = bool(random.integers(2)), bool(random.integers(2))
        counts = [
            extent(s, k, t, p, bool(pad.any()), floor) for s, k, t, p in zip(size, kernel, stride, pad, strict=True)
        ]
        second = "" if average else 'top: "mask"'
        text = (
            f'type: "Pooling" bottom: "x" top: "y" {second} pooling_param {{'
            f" pool: {'AVE' if average else 'MAX'} round_mode: {'FLOOR' if floor else 'CEIL'}"
            f" kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} stride_w: {stride[1]}"
            f" pad_h: {pad[0]} pad_w: {pad[1]} }}"
        )
        x = random.permutation(2 * 2 * size[0] * size[1]).reshape(2, 2, *size).astype(np.float32) - 20
        if min(counts) < 1:
            with pytest.raises(LayerError):
                layer_of(text, x.shape)
            continue
        layer, shapes = layer_of(text, x.shape)
        expected, mask = by_loops(x, kernel, stride, pad, average, floor)
        tops = run(layer, x)
        assert shapes[0] == tops[0].shape == expected.shape, (size, kernel, stride, pad, floor)
        np.testing.assert_allclose(tops[0], expected, rtol=1e-5)
        if not average:
            np.testing.assert_array_equal(tops[1], mask)
        done += 1


def test_age_net_s_pools() -> None:
    """56 -> 28, 28 -> 14, 14 -> 7 with kernel 3 and stride 2: the floor rule would give 27, 13, 6."""
    for size in (56, 28, 14):
        _, shapes = layer_of(
            'type: "Pooling" bottom: "x" top: "y" pooling_param { kernel_size: 3 stride: 2 }', (1, 1, size, size)
        )
        assert shapes == [(1, 1, size // 2, size // 2)]


def test_global_pooling() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(np.float32)
    layer, shapes = layer_of(
        'type: "Pooling" bottom: "x" top: "y" pooling_param { pool: AVE global_pooling: true }', x.shape
    )
    assert shapes == [(2, 3, 1, 1)]
    np.testing.assert_allclose(run(layer, x)[0][..., 0, 0], x.mean((2, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        "kernel_size: 3 stride: 2",
        "kernel_size: 1 stride: 2",
        "pool: AVE kernel_size: 3 stride: 2 pad: 1",
        "kernel_size: 4 pad: 3 stride: 3",
    ],
)
def test_gradient(settings: str) -> None:
    layer, _ = layer_of(f'type: "Pooling" bottom: "x" top: "y" pooling_param {{ {settings} }}', (1, 2, 6, 5))
    x = torch.randperm(60, generator=torch.Generator().manual_seed(1)).double().reshape(1, 2, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer.forward([x])[0], x, fast_mode=True)


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ("kernel_size: 2 kernel_h: 2", (1, 1, 4, 4), "expected kernel_size, or both kernel_h"),
        ("kernel_size: 2 stride_h: 2", (1, 1, 4, 4), "expected stride, or both stride_h"),
        ("kernel_size: 2 global_pooling: true", (1, 1, 4, 4), "leave out kernel_size"),
        ("kernel_size: 2 pad: 2", (1, 1, 4, 4), "smaller than the kernel"),
        ("stride: 2", (1, 1, 4, 4), "at least 1"),
        ("kernel_size: 2 pad: 1 pool: STOCHASTIC", (1, 1, 4, 4), "STOCHASTIC pooling takes no pad"),
        ("kernel_size: 7", (1, 1, 4, 4), "is larger than its bottom"),
        ("kernel_size: 2", (1, 4), "4 axes"),
    ],
)
def test_settings_that_do_not_fit(settings: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'name: "p" type: "Pooling" bottom: "x" top: "y" pooling_param {{ {settings} }}', shape)


def test_average_has_no_second_top() -> None:
    with pytest.raises(LayerError, match="has a second top"):
        layer_of(
            'type: "Pooling" bottom: "x" top: "y" top: "m" pooling_param { pool: AVE kernel_size: 2 }', (1, 1, 4, 4)
        )


STOCHASTIC = 'type: "Pooling" bottom: "x" top: "y" pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }'


def test_stochastic_draws_by_share_and_its_gradient_follows() -> None:
    x = np.tile(np.float32([[1, 0], [2, 5]]), (1, 1, 100, 100))
    layer, shapes = layer_of(STOCHASTIC, x.shape, seed=2)
    assert shapes == [(1, 1, 100, 100)]
    bottom = torch.from_numpy(x).requires_grad_()
    (top,) = layer.forward([bottom])
    for value, share in ((0, 0), (1, 1 / 8), (2, 2 / 8), (5, 5 / 8)):
        found = float((top == value).float().mean())
        assert abs(found - share) <= 5 * math.sqrt(share * (1 - share) / 1e4), value
    top.sum().backward()
    assert bottom.grad is not None
    windows = bottom.grad.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.equal(windows.sum((-2, -1)), torch.ones_like(top))
    assert torch.equal((bottom.grad * bottom).detach().unfold(2, 2, 2).unfold(3, 2, 2).sum((-2, -1)), top.detach())
    again = run(layer, x)[0]
    assert not np.array_equal(again, top.detach().numpy())
    np.testing.assert_array_equal(run(layer_of(STOCHASTIC, x.shape, seed=2)[0], x)[0], top.detach().numpy())


def test_stochastic_in_test_is_the_mean_by_share() -> None:
    """Windows of 2 at stride 2 over 5 columns: the last one holds one column; one window is all 0."""
    x = np.float32([[[[1, 3, 0, 0, 2], [0, 4, 0, 0, 6]]]])
    layer, shapes = layer_of(STOCHASTIC, x.shape, phase=TEST)
    assert shapes == [(1, 1, 1, 3)]
    np.testing.assert_allclose(run(layer, x)[0][0, 0, 0], [26 / 8, 0, 40 / 8], rtol=1e-6)
    bottom = torch.from_numpy(x).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer.forward([x + 1])[0], bottom)


def test_the_pooling_of_darknet2caffe_is_pad_and_crop() -> None:
    """What docs/forks.md advises: darknet's windows of 2 with stride 1 reach one pixel past the right and the lower side."""
    x = np.random.default_rng(4).normal(size=(1, 3, 5, 6)).astype(np.float32)
    pool, (padded,) = layer_of(
        'type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 2 stride: 1 pad: 1 }', x.shape
    )
    crop, (cut,) = layer_of(
        'type: "Crop" bottom: "p" bottom: "x" top: "y" crop_param { axis: 2 offset: 1 }', padded, x.shape
    )
    assert cut == x.shape
    wide = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-np.inf)
    windows = np.stack([wide[:, :, i : i + 5, j : j + 6] for i in (0, 1) for j in (0, 1)])
    np.testing.assert_array_equal(run(crop, run(pool, x)[0], x)[0], windows.max(0))
