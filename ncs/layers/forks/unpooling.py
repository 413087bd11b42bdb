"""The mask of a MAX Pooling, as SegNet's Upsample needs it."""

from __future__ import annotations

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.windows import PoolingWindow
from common.messages import shape_text

from ..layer import TrainedLayer, constant, shape
from .resizing import cut, enlarged


def first_maxima(layer: TrainedLayer, x: Output, top: Output, window: PoolingWindow) -> Output:
    """Return 1 where a maximum of `x` went into `top`, else 0, in the size of `x`; of equal maxima, the first counts.

    Caffe's mask has the index of each maximum instead, which FP16 cannot count beyond 2048. So only Upsample may read it.
    """
    assert layer.node is not None
    mask = layer.node.tops[1]
    readers = {consumer.node.layer.type for consumer in mask.consumers}
    if readers != {"Upsample"} or mask in layer.wanted:
        found = "an output" if mask in layer.wanted else ", ".join(sorted(readers - {"Upsample"})) or "no reader"
        raise layer.error(
            f'its second top, the mask "{mask.name}", is for Upsample alone; found {found}. '
            "A device in FP16 cannot count its indices. Take the top out, or let nothing but Upsample read it."
        )
    if window.kernel != window.stride or window.padded:
        raise layer.error(
            f"has a second top, the mask, and windows of {shape_text(window.kernel)} with stride {shape_text(window.stride)} "
            f"and pad {shape_text(window.pad)}. The mask is converted if the stride is the kernel and the pad is 0."
        )
    rows, columns = window.kernel
    height, width = shape(x)[2:]
    order = np.arange(rows * columns, 0, -1, dtype=np.float32).reshape(rows, columns)
    ranks = np.tile(order, window.counts)[:height, :width]
    ranked = op.select(op.equal(x, _spread(top, window, x)), constant(ranks[None, None]), constant(0.0)).output(0)
    overhang = [
        count * side - size for count, side, size in zip(window.counts, window.kernel, (height, width), strict=True)
    ]
    best = op.max_pool(ranked, list(window.stride), [0, 0], overhang, list(window.kernel), "floor").output(0)
    first = op.equal(ranked, _spread(best, window, x))
    return op.select(first, constant(1.0), constant(0.0)).output(0)


def _spread(pooled: Output, window: PoolingWindow, x: Output) -> Output:
    """Write each window's number over the whole window."""
    size = (window.counts[0] * window.kernel[0], window.counts[1] * window.kernel[1])
    height, width = shape(x)[2:]
    return cut(enlarged(pooled, size), (0, 0), (height, width))
