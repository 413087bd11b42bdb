"""AVE pooling, in a form that the MYRIAD compiler of OpenVINO 2021.4.2 compiles right.

On a stick most averages run in the pooling unit. It knows neither exclude-pad nor sides that are padded differently: it
divides by the whole kernel, and where anything is padded it takes half a kernel of zeros at the top and at the left. The
compiler uses it all the same. It puts a Pad stage in front for a padding that is neither nothing nor half a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openvino.opset1 as op
from openvino import Output

from caffe_io.blobs import Array
from caffe_io.windows import PoolingWindow

from .layer import constant, integers, shape

Pair = tuple[int, int]


@dataclass(frozen=True)
class Averages:
    """The windows of an average over a bottom of `size`; those at the end reach `beyond` the padding (below 0: not so far).

    Sizes are (height, width).
    """

    window: PoolingWindow
    size: Pair
    beyond: Pair

    @property
    def overhang(self) -> Pair:
        """How many rows and columns of the last windows lie beyond the padding. Caffe does not count those."""
        down, across = (max(0, more) for more in self.beyond)
        return down, across

    @property
    def reach(self) -> Pair:
        """How many rows and columns the last windows reach beyond the bottom."""
        down, across = (max(0, pad + more) for pad, more in zip(self.window.pad, self.beyond, strict=True))
        return down, across

    def factor(self) -> Array:
        """The whole kernel / the pixels that count, for each window: 1 x 1 x height x width."""
        sides = []
        for axis in (0, 1):
            kernel, size, pad = self.window.kernel[axis], self.size[axis], self.window.pad[axis]
            starts = np.arange(self.window.counts[axis]) * self.window.stride[axis]
            sides.append(kernel / (np.minimum(starts + kernel, size + 2 * pad) - starts))
        return np.outer(*sides).astype(np.float32)[None, None]


def average(x: Output, windows: Averages) -> Output:
    """Compute the averages of all windows as Caffe does: zeros of the padding count, and nothing beyond it."""
    window = windows.window
    if not any(windows.overhang):
        return over_kernel(x, windows)
    # After a Pad for Caffe's padding, which counts, the rest is what exclude-pad leaves out.
    height, width = (extent + 2 * pad for extent, pad in zip(windows.size, window.pad, strict=True))
    if not runs_in_pooling_unit(window, (height, width), exclude_pad=True):
        return counted(x, windows)
    top = over_kernel(x, windows)
    return op.multiply(top, constant(windows.factor())).output(0)


def counted(x: Output, windows: Averages) -> Output:
    """Compute the averages with exclude-pad, which the pooling unit does not know."""
    window = windows.window
    if window.padded:
        # The zeros of the padding count as pixels, so they are made before the pooling.
        around = integers([0, 0, *window.pad])
        x = op.pad(x, around, around, "constant", constant(0.0)).output(0)
    end = list(windows.overhang)
    return op.avg_pool(x, list(window.stride), [0, 0], end, list(window.kernel), True, "floor").output(0)


def over_kernel(x: Output, windows: Averages) -> Output:
    """Sum each window and divide by the whole kernel, whatever of it is zeros."""
    window = windows.window
    stride, begin, kernel = list(window.stride), list(window.pad), list(window.kernel)
    end = [pad + more for pad, more in zip(window.pad, windows.overhang, strict=True)]
    if not _takes_other_windows(windows) or not runs_in_pooling_unit(window, windows.size, exclude_pad=False):
        return op.avg_pool(x, stride, begin, end, kernel, False, "floor").output(0)
    channels = shape(x)[1]
    weights = np.full((channels, 1, 1, *kernel), 1 / math.prod(kernel), np.float32)
    return op.group_convolution(x, constant(weights), stride, begin, end, [1, 1]).output(0)


def _takes_other_windows(windows: Averages) -> bool:
    """Whether the pooling unit would begin elsewhere: padded somewhere, but not by half a kernel at the top and the left."""
    kernel, begin, end = windows.window.kernel, windows.window.pad, windows.reach
    if not any((*begin, *end)):
        return False
    half = tuple(side // 2 for side in kernel)
    known = all(pad in (0, side // 2) for pad, side in zip(begin, kernel, strict=True)) and all(
        pad in (0, (side - 1) // 2) for pad, side in zip(end, kernel, strict=True)
    )
    return known and begin != half


def runs_in_pooling_unit(window: PoolingWindow, size: Sequence[int], *, exclude_pad: bool) -> bool:
    """Whether the compiler gives an average over a bottom of `size` to the pooling unit. If in doubt, it does."""
    kernel, stride, counts = window.kernel, window.stride, window.counts
    if kernel == (1, 1) or max(kernel) > 15 or stride[1] > 8:
        return False
    if stride[0] != stride[1] and kernel[0] < size[0]:
        return False
    if (kernel, stride[1]) in (((3, 3), 2), ((5, 5), 3)):
        return False
    if any(side % 2 == 0 for side in kernel) and any(extent % 2 for extent in size):
        return False
    return not (exclude_pad and max(counts) <= 5)
