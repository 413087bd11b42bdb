"""Random layers with weights or windows."""

from __future__ import annotations

import numpy as np

from .draw import Draw, Proposal, Shape


def _weights(d: Draw, deviation: float) -> str:
    return f"weight_filler {{ type: 'gaussian' std: {deviation:.4f} }} bias_filler {{ type: 'gaussian' std: 0.3 }}"


def _kernel(d: Draw, size: Shape, most: int = 7) -> str:
    """Kernel, stride and pad of a window in a bottom of `size`, the same in both directions or not."""
    height, width = size[2:]
    if d.random.random() < 0.7:
        kernel = d.whole(1, min(most, height, width))
        stride, pad = d.whole(1, 3), d.whole(0, kernel // 2)
        if d.random.random() < 0.15 and kernel > 1:
            pad = d.whole(0, kernel - 1)
        return f"kernel_size: {kernel} stride: {stride} pad: {pad}"
    rows, columns = d.whole(1, min(most, height)), d.whole(1, min(most, width))
    pads = f"pad_h: {d.whole(0, rows // 2)} pad_w: {d.whole(0, columns // 2)}"
    return f"kernel_h: {rows} kernel_w: {columns} stride_h: {d.whole(1, 3)} stride_w: {d.whole(1, 3)} {pads}"


def _group(d: Draw, channels: int) -> int:
    divisors = [number for number in (1, 1, 2, 3, 4, channels) if channels % number == 0]
    return divisors[d.whole(0, len(divisors) - 1)] if d.random.random() < 0.3 else 1


def convolution(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    size = d.shapes[x]
    group = _group(d, size[1])
    most = 300 if d.random.random() < 0.15 else 40
    outputs = group * d.whole(1, max(1, most // group))
    dilation = d.maybe("dilation: 2", 0.15)
    settings = f"num_output: {outputs} group: {group} {_kernel(d, size)} {dilation} {d.maybe('bias_term: false', 0.2)}"
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 1 / np.sqrt(9 * size[1] / group))} }}")


def deconvolution(d: Draw) -> Proposal:
    x = d.bottom()
    size = d.shapes[x]
    group = _group(d, size[1])
    kernel = d.whole(1, 5)
    outputs = group * d.whole(1, max(1, 16 // group))
    settings = (
        f"num_output: {outputs} group: {group} kernel_size: {kernel} stride: {d.whole(1, 3)} pad: {d.whole(0, kernel // 2)}"
        f" {d.maybe('bias_term: false', 0.3)}"
    )
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 0.3)} }}")


def depthwise(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    size = d.shapes[x]
    settings = f"num_output: {size[1] * d.whole(1, 2)} {_kernel(d, size, 5)}"
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 0.3)} }}")


def pooling(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    how = d.pick("MAX", "AVE")
    if d.random.random() < 0.12:
        return Proposal((x,), f"pooling_param {{ pool: {how} global_pooling: true }}")
    mode = d.maybe("round_mode: FLOOR", 0.15)
    return Proposal((x,), f"pooling_param {{ pool: {how} {_kernel(d, d.shapes[x], 11)} {mode} }}")


def inner_product(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axis = d.whole(1, len(shape) - 1) if len(shape) > 2 and d.random.random() < 0.2 else 1
    count = int(np.prod(shape[axis:]))
    settings = (
        f"num_output: {d.whole(1, 40)} axis: {axis} {d.maybe('bias_term: false', 0.2)} {_weights(d, count**-0.5)}"
    )
    # Caffe keeps the weights turned over with `transpose`.
    return Proposal((x,), f"inner_product_param {{ {settings} {d.maybe('transpose: true', 0.1)} }}")
