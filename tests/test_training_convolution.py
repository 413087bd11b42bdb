"""Convolution against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_layer_kit import in_double, layer_of, run, set_blobs

from training.errors import LayerError


def by_loops(x, weights, bias, stride, pad, dilation, group):  # type: ignore[no-untyped-def]
    """Every output number as a sum over its window."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    outputs, inputs, *kernel = weights.shape
    extents = [
        (size - d * (k - 1) - 1) // s + 1
        for size, k, s, d in zip(padded.shape[2:], kernel, stride, dilation, strict=True)
    ]
    top = np.zeros((len(x), outputs, *extents))
    for n, output, row, column in np.ndindex(top.shape):
        first = output // (outputs // group) * inputs
        window = padded[
            n,
            first : first + inputs,
            row * stride[0] : row * stride[0] + dilation[0] * (kernel[0] - 1) + 1 : dilation[0],
            column * stride[1] : column * stride[1] + dilation[1] * (kernel[1] - 1) + 1 : dilation[1],
        ]
        top[n, output, row, column] = (window * weights[output]).sum() + bias[output]
    return top


@pytest.mark.parametrize("seed", range(4))
def test_values_in_random_sizes(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(6):
        kernel, stride, pad = random.integers(1, 4, 2), random.integers(1, 4, 2), random.integers(0, 3, 2)
        dilation = random.integers(1, 3, 2)
        group = int(random.integers(1, 3))
        size = random.integers(6, 10, 2)
        x = random.standard_normal((2, 4, *size)).astype(np.float32)
        layer, shapes = layer_of(
            f'type: "Convolution" bottom: "x" top: "y" convolution_param {{ num_output: 6 group: {group}'
            f" kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} stride_w: {stride[1]}"
            f" pad_h: {pad[0]} pad_w: {pad[1]} dilation: {dilation[0]} dilation: {dilation[1]} }}",
            x.shape,
        )
        weights = random.standard_normal(tuple(layer.blobs[0].shape)).astype(np.float32)
        bias = random.standard_normal(6).astype(np.float32)
        assert weights.shape == (6, 4 // group, *kernel)
        set_blobs(layer, weights, bias)
        (top,) = run(layer, x)
        want = by_loops(x, weights, bias, stride, pad, dilation, group)
        assert shapes == [top.shape] == [want.shape]
        np.testing.assert_allclose(top, want, atol=1e-4)


def test_one_number_stands_for_both_axes() -> None:
    settings = "num_output: 2 kernel_size: 3 stride: 2 pad: 1 dilation: 2"
    _, shapes = layer_of(f'type: "Convolution" bottom: "x" top: "y" convolution_param {{ {settings} }}', (1, 3, 9, 12))
    assert shapes == [(1, 2, 4, 5)]  # (9 + 2 - 5) // 2 + 1, (12 + 2 - 5) // 2 + 1


def test_several_bottoms_share_the_weights() -> None:
    layer, shapes = layer_of(
        'type: "Convolution" bottom: "a" bottom: "b" top: "c" top: "d" convolution_param { num_output: 2 kernel_size: 2 '
        'bias_term: false weight_filler { type: "gaussian" std: 1 } }', (1, 1, 4, 4), (1, 1, 4, 4),
    )  # fmt: skip
    a, b = np.random.default_rng(0).standard_normal((2, 1, 1, 4, 4)).astype(np.float32)
    assert len(layer.blobs) == 1
    assert shapes == [(1, 2, 3, 3)] * 2
    tops = run(layer, a, b)
    for x, top in zip((a, b), tops, strict=True):
        want = by_loops(x, layer.blobs[0].detach().numpy(), np.zeros(2), (1, 1), (0, 0), (1, 1), 1)
        np.testing.assert_allclose(top, want, atol=1e-5)


def test_gradient() -> None:
    layer, _ = layer_of(
        'type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 2 '
        'weight_filler { type: "gaussian" std: 1 } }', (2, 2, 5, 4),
    )  # fmt: skip
    in_double(layer)
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *blobs: layer.forward([x])[0], (x, *layer.blobs), fast_mode=True)


@pytest.mark.parametrize(
    ("settings", "shapes", "message"),
    [
        ("kernel_size: 3", [(1, 3, 5, 5)], "num_output 0"),
        ("num_output: 2", [(1, 3, 5, 5)], "kernel_size is missing"),
        ("num_output: 2 kernel_size: 3 kernel_h: 3", [(1, 3, 5, 5)], "kernel_size and kernel_h"),
        ("num_output: 2 kernel_h: 3", [(1, 3, 5, 5)], r"kernel_size is \[3, 0\]"),
        ("num_output: 2 kernel_size: 3 stride: 0", [(1, 3, 5, 5)], "stride is"),
        ("num_output: 2 kernel_size: 3 dilation: 0", [(1, 3, 5, 5)], "dilation is"),
        ("num_output: 2 kernel_size: 3 kernel_size: 3 kernel_size: 3", [(1, 3, 5, 5)], "one or two numbers"),
        ("num_output: 2 kernel_size: 3 group: 2", [(1, 3, 5, 5)], "group 2 must divide its 3 input channels"),
        ("num_output: 2 kernel_size: 7", [(1, 3, 5, 5)], "larger than its padded bottom"),
        ("num_output: 2 kernel_size: 3", [(1, 3)], "4 axes"),
        ("num_output: 2 kernel_size: 3", [(1, 3, 5, 5), (1, 3, 6, 5)], "different shapes"),
    ],
)
def test_settings_that_do_not_fit(settings: str, shapes: list[tuple[int, ...]], message: str) -> None:
    blobs = " ".join(f'bottom: "x{i}" top: "y{i}"' for i in range(len(shapes)))
    with pytest.raises(LayerError, match=message):
        layer_of(f'type: "Convolution" {blobs} convolution_param {{ {settings} }}', *shapes)


def test_as_many_tops_as_bottoms() -> None:
    with pytest.raises(LayerError, match=r"1 bottom.* 2 top"):
        layer_of(
            'type: "Convolution" bottom: "x" top: "y" top: "z" convolution_param { num_output: 2 kernel_size: 3 }',
            (1, 3, 5, 5),
        )
