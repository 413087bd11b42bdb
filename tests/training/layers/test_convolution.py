"""Convolution and the layers like it, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import in_double, layer_of, run, set_blobs
from training.errors import LayerError
from training.layers import convolution


def by_loops(x, weights, bias, stride, pad, dilation, group):  # type: ignore[no-untyped-def]
    """Compute every output number as a sum over its window."""
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
        expected = by_loops(x, weights, bias, stride, pad, dilation, group)
        assert shapes == [top.shape] == [expected.shape]
        np.testing.assert_allclose(top, expected, atol=1e-4)


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
        expected = by_loops(x, layer.blobs[0].detach().numpy(), np.zeros(2), (1, 1), (0, 0), (1, 1), 1)
        np.testing.assert_allclose(top, expected, atol=1e-5)


def test_gradient() -> None:
    layer, _ = layer_of(
        'type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 2 '
        'weight_filler { type: "gaussian" std: 1 } }', (2, 2, 5, 4),
    )  # fmt: skip
    in_double(layer)
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *blobs: layer.forward([x])[0], (x, *layer.blobs), fast_mode=True)


def test_a_window_larger_than_the_bottom() -> None:
    """By less than a stride: Caffe rounds towards 0, finds one window, and fills the end with zeros."""
    layer, shapes = layer_of(
        'type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 2 kernel_size: 5 stride: 3 }',
        (1, 2, 4, 3),
    )
    assert shapes == [(1, 2, 1, 1)]
    x, weights = (
        np.random.default_rng(0).standard_normal((1, 2, 4, 3)),
        np.random.default_rng(1).standard_normal((2, 2, 5, 5)),
    )
    set_blobs(layer, weights, np.zeros(2))
    expected = (np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 2))) * weights).sum((1, 2, 3))
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0][0, :, 0, 0], expected, rtol=1e-5)


def test_depthwise() -> None:
    for kind in ("DepthwiseConvolution", "ConvolutionDepthwise"):
        settings = "num_output: 6 kernel_size: 3 pad: 1"
        layer, shapes = layer_of(
            f'type: "{kind}" bottom: "x" top: "y" convolution_param {{ {settings} }}', (2, 3, 5, 4)
        )
        assert shapes == [(2, 6, 5, 4)]
        assert layer.blobs[0].shape == (6, 1, 3, 3)
        x, weights = (
            np.random.default_rng(0).standard_normal(s).astype(np.float32) for s in ((2, 3, 5, 4), (6, 1, 3, 3))
        )
        set_blobs(layer, weights, np.zeros(6))
        expected = by_loops(x, weights, np.zeros(6), (1, 1), (1, 1), (1, 1), 3)
        np.testing.assert_allclose(run(layer, x)[0], expected, atol=1e-5)
    with pytest.raises(LayerError, match="group is 2; expected 4"):
        layer_of(
            'type: "DepthwiseConvolution" bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 group: 2 }',
            (1, 4, 5, 5),
        )


@pytest.mark.parametrize("seed", range(3))
def test_deconvolution_is_the_gradient_of_convolution(seed: int) -> None:
    random = np.random.default_rng(seed)
    settings = (
        f"kernel_size: {random.integers(2, 5)} stride: {random.integers(1, 4)} pad: {random.integers(2)} group: {1 + seed % 2}"
        f" dilation: {random.integers(1, 3)} bias_term: false"
    )
    text = 'type: "{}" bottom: "x" top: "y" convolution_param {{ num_output: {} {} }}'
    back, shapes = layer_of(text.format("Deconvolution", 4, settings), (2, 6, 3, 4))
    there, there_shapes = layer_of(text.format("Convolution", 6, settings), *shapes)
    assert there_shapes == [(2, 6, 3, 4)]
    assert back.blobs[0].shape == there.blobs[0].shape
    weights = random.standard_normal(tuple(back.blobs[0].shape))
    set_blobs(back, weights)
    set_blobs(there, weights)
    x = random.standard_normal((2, 6, 3, 4)).astype(np.float32)
    big = torch.zeros(shapes[0], requires_grad=True)
    (there.forward([big])[0] * torch.from_numpy(x)).sum().backward()
    assert big.grad is not None
    np.testing.assert_allclose(run(back, x)[0], big.grad.numpy(), atol=1e-4)


def test_deconvolution_s_bias_and_padding() -> None:
    text = 'type: "Deconvolution" bottom: "x" top: "y" convolution_param {{ num_output: 2 kernel_size: 2 pad: {} }}'
    layer, _ = layer_of(text.format(0), (1, 1, 2, 2))
    set_blobs(layer, np.zeros((1, 2, 2, 2)), [3, 5])
    assert run(layer, np.ones((1, 1, 2, 2), np.float32))[0].mean((0, 2, 3)).tolist() == [3, 5]
    with pytest.raises(LayerError, match="leaves nothing of its top"):
        layer_of(text.format(2), (1, 1, 2, 2))


def test_im2col() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    layer, shapes = layer_of(
        'type: "Im2col" bottom: "x" top: "y" convolution_param { kernel_size: 2 stride: 2 }', x.shape
    )
    assert shapes == [(1, 8, 1, 2)]
    np.testing.assert_array_equal(run(layer, x)[0][0, :, 0, 1], [2, 3, 6, 7, 14, 15, 18, 19])


@pytest.mark.parametrize(
    ("settings", "shapes", "message"),
    [
        ("kernel_size: 3", [(1, 3, 5, 5)], "num_output 0"),
        ("num_output: 2", [(1, 3, 5, 5)], "kernel_size is missing"),
        ("num_output: 2 kernel_size: 3 kernel_h: 3", [(1, 3, 5, 5)], "kernel_size and kernel_h"),
        ("num_output: 2 kernel_h: 3", [(1, 3, 5, 5)], "kernel_size is 3, 0;"),
        ("num_output: 2 kernel_size: 3 stride: 0", [(1, 3, 5, 5)], "stride is"),
        ("num_output: 2 kernel_size: 3 dilation: 0", [(1, 3, 5, 5)], "dilation is"),
        ("num_output: 2 kernel_size: 3 kernel_size: 3 kernel_size: 3", [(1, 3, 5, 5)], "one or two numbers"),
        ("num_output: 2 kernel_size: 3 group: 2", [(1, 3, 5, 5)], "group 2 must divide both its 3 input channels"),
        ("num_output: 2 kernel_size: 7", [(1, 3, 5, 5)], "is larger than its bottom"),
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


@pytest.mark.parametrize(
    ("avx512", "settings", "nchw"),
    [
        (False, "kernel_size: 5 pad: 2", True),
        (False, "kernel_size: 5 stride: 2", False),
        (False, "kernel_size: 3 pad: 1", False),
        (True, "kernel_size: 5 pad: 2", False),
    ],
)
def test_layout(monkeypatch: pytest.MonkeyPatch, avx512: bool, settings: str, nchw: bool) -> None:
    """Large windows that overlap are convolved in NCHW where that is faster, whatever layout the bottom has."""
    monkeypatch.setattr(convolution, "_has_avx512", lambda: avx512)
    layer, _ = layer_of(
        f'type: "Convolution" bottom: "x" top: "y" convolution_param {{ num_output: 6 {settings} }}', (2, 4, 8, 8)
    )
    bottom = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    for blob in (layer.blobs[0], layer.forward([bottom])[0]):
        assert blob.is_contiguous() == nchw
        assert blob.is_contiguous(memory_format=torch.channels_last) != nchw


@pytest.mark.parametrize(
    ("kind", "settings", "fp32"),
    [
        ("Convolution", "num_output: 4 group: 4 kernel_size: 3 stride: 2", True),
        ("Convolution", "num_output: 4 group: 4 kernel_size: 5", True),
        ("Convolution", "num_output: 4 group: 4 kernel_size: 3 dilation: 2", True),
        ("Convolution", "num_output: 8 group: 4 kernel_size: 3 stride: 2", True),
        ("DepthwiseConvolution", "num_output: 4 kernel_size: 3 stride: 2", True),
        ("Deconvolution", "num_output: 4 group: 4 kernel_size: 4 stride: 2", True),
        ("Convolution", "num_output: 4 group: 4 kernel_size: 3", False),
        ("Convolution", "num_output: 4 group: 2 kernel_size: 3 stride: 2", False),
        ("Convolution", "num_output: 4 kernel_size: 3 stride: 2", False),
        ("Deconvolution", "num_output: 4 kernel_size: 4 stride: 2", False),
    ],
)
def test_convolutions_by_channel_stay_fp32_in_bf16(kind: str, settings: str, fp32: bool) -> None:
    """Where bf16 is slow. The gradient is the sum of weights of 1 + 2^-10, which bf16 rounds to 1."""
    layer, _ = layer_of(
        f'type: "{kind}" bottom: "x" top: "y" convolution_param {{ {settings} bias_term: false }}', (1, 4, 9, 9)
    )
    weights = np.zeros(tuple(layer.blobs[0].shape))
    weights[..., 0, 0] = 1 + 2**-10
    set_blobs(layer, weights)
    bottom = torch.ones(1, 4, 9, 9, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (top,) = layer.forward([bottom])
    assert top.dtype is torch.bfloat16
    top.float().sum().backward()
    assert bottom.grad is not None
    assert (bottom.grad[0, 0, 0, 0].item() % 1 != 0) == fp32
