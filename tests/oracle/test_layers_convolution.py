"""Convolutions, poolings, LRN and InnerProduct against Caffe, in random sizes."""

from __future__ import annotations

import numpy as np
import pytest

from kits.oracle_layers import Array, CaffeRefuses, Judge, both_refuse, compare, net_text, our_net
from training.errors import LayerError

pytestmark = pytest.mark.oracle


def numbers(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def layer(kind: str, settings: str = "", bottoms: str = "x", tops: str = "y") -> str:
    blobs = " ".join(f'bottom: "{name}"' for name in bottoms) + " ".join(f' top: "{name}"' for name in tops)
    return f'layer {{ name: "it" type: "{kind}" {blobs} {settings} }}'


def pair(random: np.random.Generator, low: int, high: int) -> tuple[int, int]:
    first, second = random.integers(low, high, 2)
    return int(first), int(second)


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
@pytest.mark.parametrize("seed", range(8))
def test_convolution(judge: Judge, kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    kernel, stride, pad, dilation = (pair(random, *range_) for range_ in ((1, 4), (1, 4), (0, 3), (1, 3)))
    group = int(random.choice([1, 2, 4]))
    outputs = group * int(random.integers(1, 3))
    size = pair(random, 5, 9)
    if seed % 2:
        extents = (
            f"kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} stride_w: {stride[1]} "
            f"pad_h: {pad[0]} pad_w: {pad[1]}"
        )
    else:
        extents = " ".join(
            f"{name}: {value}"
            for name, values in (("kernel_size", kernel), ("stride", stride), ("pad", pad))
            for value in values
        )
    bias = "bias_term: false" if seed % 4 == 3 else ""
    settings = f"num_output: {outputs} group: {group} dilation: {dilation[0]} dilation: {dilation[1]} {bias} {extents}"
    x = numbers((2, 4, *size), seed)
    compare(judge, layer(kind, f"convolution_param {{ {settings} }}"), {"x": x}, seed=seed)


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_several_bottoms_and_single_numbers(judge: Judge, kind: str) -> None:
    settings = "convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 dilation: 2 }"
    data = {"a": numbers((2, 2, 6, 7), 1), "b": numbers((2, 2, 6, 7), 2)}
    compare(judge, layer(kind, settings, "ab", "yz"), data)


def test_a_window_larger_than_the_bottom(judge: Judge) -> None:
    """By less than a stride: Caffe divides rounding towards 0, finds one window, and takes 0 for what is missing."""
    for kernel, stride in ((5, 2), (5, 3), (6, 3)):
        settings = f"convolution_param {{ num_output: 2 kernel_size: {kernel} stride: {stride} }}"
        compare(judge, layer("Convolution", settings), {"x": numbers((1, 2, 4, 7), kernel)})


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
@pytest.mark.parametrize("outputs", [4, 8])
def test_depthwise_convolution(judge: Judge, kind: str, outputs: int) -> None:
    """From forks: Caffe computes it as a Convolution with as many groups as channels."""
    settings = f"num_output: {outputs} kernel_size: 3 stride: 2 pad: 1"
    caffes = layer("Convolution", f"convolution_param {{ {settings} group: 4 }}")
    for own in (settings, f"{settings} group: 4"):
        text = layer(kind, f"convolution_param {{ {own} }}")
        compare(judge, text, {"x": numbers((2, 4, 6, 5), outputs)}, caffes=caffes)


@pytest.mark.parametrize("seed", range(3))
def test_im2col(judge: Judge, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = zip(("kernel_size", "stride", "dilation", "pad"), ((1, 4), (1, 3), (1, 3), (0, 3)), strict=True)
    settings = " ".join(f"{name}: {value}" for name, range_ in values for value in pair(random, *range_))
    compare(judge, layer("Im2col", f"convolution_param {{ {settings} }}"), {"x": numbers((2, 3, 7, 8), seed)})


def pooling_cases() -> list[tuple[str, tuple[int, int]]]:
    """Settings of pooling_param and sizes of the bottom; a good part have a last window that is cut, dropped or outside."""
    random = np.random.default_rng(7)
    cases = [
        ("kernel_size: 1 stride: 2", (4, 6)),
        ("kernel_size: 2 stride: 3", (4, 7)),
        ("kernel_size: 2 stride: 5", (8, 9)),
    ]
    for _ in range(12):
        kernel, stride, size = pair(random, 1, 6), pair(random, 1, 5), pair(random, 4, 9)
        pad = [int(random.integers(0, k)) * int(random.integers(2)) for k in kernel]
        mode = "round_mode: FLOOR" if random.integers(4) == 0 else ""
        cases.append(
            (
                f"kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} stride_w: {stride[1]} "
                f"pad_h: {pad[0]} pad_w: {pad[1]} {mode}",
                size,
            )
        )
    return [*cases, ("global_pooling: true", (3, 5))]


@pytest.mark.parametrize(("settings", "size"), pooling_cases())
def test_pooling(judge: Judge, settings: str, size: tuple[int, int]) -> None:
    x = np.random.default_rng(size[0]).permutation(2 * 2 * size[0] * size[1]).reshape(2, 2, *size).astype(np.float32)
    for pool in ("MAX", "AVE"):
        text = layer("Pooling", f"pooling_param {{ pool: {pool} {settings} }}")
        # Of a window outside the bottom Caffe's gradient goes to whatever lies before the channel in its memory.
        outside = any(our_net(net_text(text, {"x": x.shape})).layers[1].outside)  # type: ignore[attr-defined]
        compare(judge, text, {"x": x - 20}, backward=not (outside and pool == "MAX"))
    compare(judge, layer("Pooling", f"pooling_param {{ {settings} }}", tops="ym"), {"x": x - 20}, backward=False)


def test_pooling_with_mask_has_a_gradient(judge: Judge) -> None:
    text = layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", tops="ym")
    compare(
        judge, text + 'layer { name: "s" type: "Silence" bottom: "m" }', {"x": numbers((2, 2, 6, 7), 1)}, note="Pooling"
    )


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_spp(judge: Judge, pool: str, height: int) -> None:
    text = layer("SPP", f"spp_param {{ pyramid_height: {height} pool: {pool} }}")
    compare(judge, text, {"x": numbers((2, 3, 8, 7), height)})


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "local_size: 3 alpha: 0.5 beta: 0.9 k: 2",
        "local_size: 9 alpha: 2",
        "norm_region: WITHIN_CHANNEL",
        "norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5 beta: 0.9 k: 2",
        "norm_region: WITHIN_CHANNEL local_size: 1",
    ],
)
def test_lrn(judge: Judge, settings: str) -> None:
    compare(judge, layer("LRN", f"lrn_param {{ {settings} }}"), {"x": numbers((2, 6, 4, 5), 3)})


@pytest.mark.parametrize(
    "settings", ["", "axis: 2", "axis: -1 bias_term: false", "transpose: true", "axis: 0 transpose: true"]
)
def test_inner_product(judge: Judge, settings: str) -> None:
    text = layer("InnerProduct", f"inner_product_param {{ num_output: 4 {settings} }}")
    compare(judge, text, {"x": numbers((2, 3, 2, 5), 4)})


@pytest.mark.parametrize(
    ("kind", "settings", "shape"),
    [
        ("Convolution", "convolution_param { kernel_size: 3 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 2 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 2 kernel_h: 3 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 2 kernel_size: 3 stride: 0 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 2 kernel_size: 3 group: 2 }", (1, 3, 5, 5)),
        ("Convolution", "convolution_param { num_output: 3 kernel_size: 3 group: 2 }", (1, 4, 5, 5)),
        (
            "Convolution",
            "convolution_param { num_output: 3 kernel_size: 3 dilation: 1 dilation: 1 dilation: 1 }",
            (1, 4, 5, 5),
        ),
        ("Deconvolution", "convolution_param { num_output: 2 kernel_size: 1 pad: 3 }", (1, 3, 5, 5)),
        ("Pooling", "", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 kernel_h: 3 kernel_w: 3 }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_h: 3 }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 stride_h: 3 }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 pad_h: 1 }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 pad: 3 }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 global_pooling: true }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { stride: 2 global_pooling: true }", (1, 3, 5, 5)),
        ("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 3 pad: 1 }", (1, 3, 5, 5)),
        ("Pooling", 'top: "z" pooling_param { pool: AVE kernel_size: 3 }', (1, 3, 5, 5)),
        ("Pooling", "pooling_param { kernel_size: 3 }", (3, 5, 5)),
        ("SPP", "spp_param { pyramid_height: 4 }", (1, 3, 5, 5)),
        ("LRN", "lrn_param { local_size: 4 }", (1, 3, 5, 5)),
        ("LRN", "", (3, 5)),
        ("InnerProduct", "inner_product_param { num_output: 2 axis: 2 }", (3, 5)),
    ],
)
def test_both_refuse(judge: Judge, kind: str, settings: str, shape: tuple[int, ...]) -> None:
    ours, _ = both_refuse(judge, layer(kind, settings), {"x": shape})
    assert kind in ours


def test_only_we_refuse(judge: Judge) -> None:
    """Convolution over one or three axes, which Caffe has; and a group of 0, on which Caffe's process ends by dividing."""
    for shape in ((2, 3, 6), (2, 3, 4, 5, 6)):
        text = net_text(layer("Convolution", "convolution_param { num_output: 2 kernel_size: 3 }"), {"x": shape})
        judge.run(text, backward=False)
        with pytest.raises(LayerError, match="4 axes"):
            our_net(text)
    text = net_text(
        layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 group: 0 }"), {"x": (1, 2, 3, 3)}
    )
    with pytest.raises(AssertionError, match="status"):
        judge.run(text, backward=False)
    with pytest.raises(LayerError, match="group 0"):
        our_net(text)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_stochastic_pooling_only_caffe_refuses(judge: Judge, phase: str) -> None:
    """On a CPU, in both phases; tests/training/layers/test_pooling.py holds ours against its definition."""
    text = net_text(layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"), {"x": (1, 1, 4, 4)})
    with pytest.raises(CaffeRefuses, match="Not Implemented"):
        judge.run(text, {"x": np.ones((1, 1, 4, 4), np.float32)}, phase=phase, backward=False)
    our_net(text, phase)


@pytest.mark.parametrize("settings", ["kernel_size: 2 stride: 2", "kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1"])
def test_stochastic_pooling_in_test_from_caffe_s_other_layers(judge: Judge, settings: str) -> None:
    """The sum of the squares over the sum: the ratio of two AVE poolings."""
    average = f"pooling_param {{ pool: AVE {settings} }}"
    caffes = f"""
layer {{ name: "square" type: "Power" bottom: "x" top: "square" power_param {{ power: 2 }} }}
layer {{ name: "squares" type: "Pooling" bottom: "square" top: "squares" {average} }}
layer {{ name: "sums" type: "Pooling" bottom: "x" top: "sums" {average} }}
layer {{ name: "over" type: "Power" bottom: "sums" top: "over" power_param {{ power: -1 }} }}
layer {{ name: "it" type: "Eltwise" bottom: "squares" bottom: "over" top: "y" eltwise_param {{ operation: PROD }} }}"""
    x = np.random.default_rng(0).random((2, 3, 8, 7), np.float32) + np.float32(0.1)
    text = layer("Pooling", f"pooling_param {{ pool: STOCHASTIC {settings} }}")
    compare(judge, text, {"x": x}, caffes=caffes, note="Pooling", phase="TEST", backward=False)
