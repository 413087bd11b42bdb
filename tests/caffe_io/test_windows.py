"""The reader of kernel, stride, pad and dilation, and Caffe's two rules for how many windows fit."""

from __future__ import annotations

import itertools
import math

import pytest

from caffe_io.caffe_pb2 import ConvolutionParameter, LayerParameter, PoolingParameter
from caffe_io.prototxt import parse_text
from caffe_io.windows import (
    ConvolutionWindow,
    PoolingWindow,
    WindowError,
    convolution_window,
    kernel_and_stride,
    pooling_conflict,
    pooling_window,
)

SHAPE = (2, 3, 9, 12)


def convolution(text: str, shape: tuple[int, ...] = SHAPE) -> ConvolutionWindow:
    return convolution_window(parse_text(text, ConvolutionParameter(), "n"), shape)


def pooling(text: str, shape: tuple[int, ...] = SHAPE) -> PoolingWindow:
    return pooling_window(parse_text(text, PoolingParameter(), "n"), shape)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("kernel_size: 3", ((3, 3), (1, 1), (0, 0), (1, 1))),
        ("kernel_size: 3 stride: 2 pad: 1 dilation: 2", ((3, 3), (2, 2), (1, 1), (2, 2))),
        ("kernel_size: 1 kernel_size: 3 stride: 2 stride: 1 pad: 0 pad: 1", ((1, 3), (2, 1), (0, 1), (1, 1))),
        ("kernel_h: 1 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 4 pad_w: 5", ((1, 3), (2, 1), (4, 5), (1, 1))),
        ("kernel_size: 3 pad_w: 2 dilation: 1 dilation: 2 axis: -3", ((3, 3), (1, 1), (0, 2), (1, 2))),
    ],
)
def test_settings_of_a_convolution(text: str, window: tuple[tuple[int, int], ...]) -> None:
    assert convolution(text) == ConvolutionWindow(*window)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("", SHAPE, "^kernel_size is missing; expected one or two numbers of at least 1.$"),
        ("kernel_size: 3 kernel_h: 3", SHAPE, "^has both kernel_size and kernel_h/kernel_w; write one of them.$"),
        ("kernel_h: 3", SHAPE, "^kernel_size is 3, 0; expected"),
        ("kernel_size: 3 stride: 0", SHAPE, "^stride is 0; expected one or two numbers of at least 1.$"),
        ("kernel_size: 3 stride_w: 2", SHAPE, "^stride is 0, 2; expected"),
        ("kernel_size: 3 dilation: 0", SHAPE, "^dilation is 0; expected"),
        ("kernel_size: 3 pad: 1 pad: 1 pad: 1", SHAPE, "^pad is 1, 1, 1; expected one or two numbers of at least 0.$"),
        ("kernel_size: 3", (1, 3), "4 axes .* found 1x3 and axis 1"),
        ("kernel_size: 3 axis: 2", SHAPE, "4 axes .* found 2x3x9x12 and axis 2"),
    ],
)
def test_settings_that_no_convolution_takes(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(WindowError, match=message):
        convolution(text, shape)


def test_windows_of_a_convolution() -> None:
    # (9 + 2 - 5) // 2 + 1, (12 + 2 - 5) // 2 + 1
    assert convolution("kernel_size: 3 stride: 2 pad: 1 dilation: 2").fit((9, 12)) == ((4, 5), (0, 0))


def test_a_convolution_larger_than_its_bottom() -> None:
    """By less than a stride there is one window, and zeros fill the end."""
    window = convolution("kernel_size: 5 stride: 3")
    assert window.fit((4, 3)) == ((1, 1), (1, 2))
    with pytest.raises(WindowError, match=r"^kernel 5x5 is larger than its bottom of 4x2 with pad 0x0\.$"):
        window.fit((4, 2))


def test_windows_of_a_deconvolution() -> None:
    window = convolution("kernel_size: 3 stride: 2 pad: 1 dilation: 2")
    # 2 * (5 - 1) + 2 * (3 - 1) + 1 - 2 * 1
    assert window.transposed((5, 2)) == (11, 5)
    with pytest.raises(WindowError, match=r"^pad 2x2 leaves nothing of its top: it would be -1 x 2\.$"):
        convolution("kernel_size: 2 pad: 2").transposed((2, 5))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("kernel_size: 3 stride: 2", ((3, 3), (2, 2), (0, 0), (4, 6))),
        ("kernel_size: 3 stride: 2 round_mode: FLOOR", ((3, 3), (2, 2), (0, 0), (4, 5))),
        ("kernel_h: 1 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 2", ((1, 3), (2, 1), (0, 2), (5, 14))),
        ("global_pooling: true", ((9, 12), (1, 1), (0, 0), (1, 1))),
    ],
)
def test_settings_of_a_pooling(text: str, window: tuple[tuple[int, int], ...]) -> None:
    assert pooling(text) == PoolingWindow(*window)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("", SHAPE, "^kernel_size 0x0 and stride 1x1 must be at least 1, down and across.$"),
        ("kernel_size: 3 stride: 0", SHAPE, "^kernel_size 3x3 and stride 0x0 must be"),
        (
            "kernel_size: 2147483647 pad: 2000000000",
            SHAPE,
            "^pad 2000000000x2000000000 makes the bottom 4000000009x4000000012; expected at most 2147483647.$",
        ),
        ("kernel_size: 2 pad: 2", SHAPE, "^pad 2x2 must be smaller than the kernel 2x2.$"),
        ("kernel_size: 2 pad: 1 pool: STOCHASTIC", SHAPE, "^STOCHASTIC pooling takes no pad; found pad 1x1."),
        ("kernel_size: 11 round_mode: FLOOR", SHAPE, "^kernel 11x11 is larger than its bottom of 9x12 with pad 0x0.$"),
        ("kernel_size: 2", (1, 4), "4 axes .* found 1x4"),
    ],
)
def test_settings_that_no_pooling_takes(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(WindowError, match=message):
        pooling(text, shape)


@pytest.mark.parametrize("floor", [False, True])
def test_windows_of_a_pooling(floor: bool) -> None:
    """Caffe's rule in fractions, for many settings."""
    mode = f"round_mode: {'FLOOR' if floor else 'CEIL'}"
    for size, kernel, stride, pad in itertools.product(range(1, 8), range(1, 5), range(1, 6), range(4)):
        if pad >= kernel:
            continue
        exact = (size + 2 * pad - kernel) / stride
        count = (math.floor(exact) if floor else math.ceil(exact)) + 1
        if pad and (count - 1) * stride >= size + pad:
            count -= 1
        text = f"{mode} kernel_size: {kernel} stride: {stride} pad: {pad}"
        if count < 1:
            with pytest.raises(WindowError, match="larger than its bottom"):
                pooling(text, (1, 1, size, size))
            continue
        window = pooling(text, (1, 1, size, size))
        assert window.counts == (count, count)
        assert window.starts == ((count - 1) * stride,) * 2
        assert window.padded is bool(pad)
        assert window.outside((size, size)) == ((count - 1) * stride >= size + pad,) * 2


def test_the_last_window_may_lie_outside() -> None:
    window = pooling("kernel_size: 1 stride_h: 5 stride_w: 3", (1, 6, 7, 5))
    assert window.counts == (3, 3)
    assert window.outside((7, 5)) == (True, True)
    assert pooling("kernel_size: 3 stride: 2").outside((9, 12)) == (False, False)


@pytest.mark.parametrize(
    ("text", "conflict"),
    [
        ("kernel_size: 3 stride: 2 pad: 1", ""),
        ("kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1", ""),
        ("global_pooling: true stride: 1 pad: 0", ""),
        ("kernel_size: 2 kernel_h: 2", "expected kernel_size, or both kernel_h and kernel_w, and no more of them."),
        ("kernel_h: 2", "expected kernel_size, or both kernel_h and kernel_w, and no more of them."),
        ("kernel_size: 2 stride_h: 2", "expected stride, or both stride_h and stride_w, and no more of them."),
        ("kernel_size: 2 pad: 1 pad_h: 1 pad_w: 1", "expected pad, or both pad_h and pad_w, and no more of them."),
        ("global_pooling: true pad_w: 0", "expected pad, or both pad_h and pad_w, and no more of them."),
        *(
            (
                f"global_pooling: true {more}",
                "global_pooling takes the whole picture: leave out kernel_size, stride and pad.",
            )
            for more in ("kernel_size: 2", "kernel_h: 2", "stride: 2", "pad: 1", "stride_h: 1 stride_w: 2")
        ),
    ],
)
def test_what_contradicts_itself_in_a_pooling(text: str, conflict: str) -> None:
    assert pooling_conflict(parse_text(text, PoolingParameter(), "n")) == conflict


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ('type: "Convolution" convolution_param { kernel_size: 3 stride: 2 }', ((3, 3), (2, 2))),
        ('type: "Deconvolution" convolution_param { kernel_h: 2 kernel_w: 4 }', ((2, 4), (1, 1))),
        ('type: "Pooling" pooling_param { kernel_size: 3 stride_h: 2 stride_w: 1 }', ((3, 3), (2, 1))),
        ('type: "Pooling" pooling_param { global_pooling: true }', None),
        ('type: "Convolution" convolution_param { stride: 2 }', None),
        ('type: "ReLU"', None),
    ],
)
def test_kernel_and_stride_of_a_layer(text: str, window: tuple[tuple[int, int], ...] | None) -> None:
    assert kernel_and_stride(parse_text(text, LayerParameter(), "n")) == window
