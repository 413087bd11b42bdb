"""Pooling, with Caffe's way of rounding up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import PoolingParameter

from .base import Layer, Shape


class Pooling(Layer):
    """MAX or AVE over windows. The extent is rounded up (ceil mode), and a last window that would begin in the padding
    is dropped; without padding, one that would begin outside the picture is refused, where Caffe makes -3.4e38 or NaN of
    it. AVE divides by the part of the window inside the padded picture. Top 2 of MAX: the index of the maximum."""

    tops = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.pooling_param
        shape = shapes[0]
        if len(shape) != 4:
            raise self.error(f"wants a bottom of 4 axes (N x C x H x W); found {list(shape)}.")
        if p.pool not in (PoolingParameter.MAX, PoolingParameter.AVE):
            raise self.error("STOCHASTIC pooling is not there yet; MAX and AVE are.")
        if p.global_pooling:
            self.kernel, self.stride, self.pad = (shape[2], shape[3]), (1, 1), (0, 0)
        else:
            self.kernel = self._pair("kernel_size", "kernel")
            self.stride = self._pair("stride", "stride")
            self.pad = self._pair("pad", "pad")
        if min(self.kernel) < 1 or min(self.stride) < 1:
            raise self.error("kernel_size and stride must be at least 1.")
        if self.pad[0] >= self.kernel[0] or self.pad[1] >= self.kernel[1]:
            raise self.error(f"pad {self.pad} must be smaller than the kernel {self.kernel}.")
        self.ceil = p.round_mode == PoolingParameter.CEIL
        self.average = p.pool == PoolingParameter.AVE
        if self.average and len(self.param.top) > 1:
            raise self.error("AVE pooling has no second top; only MAX has (the index of the maximum).")
        self.extents = tuple(map(self._extent, shape[2:], self.kernel, self.stride, self.pad))
        if min(self.extents) < 1:
            raise self.error(f"kernel {self.kernel} is larger than its padded bottom {list(shape)}.")
        return [(*shape[:2], *self.extents)] * len(self.param.top)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, pad, (rows, columns) = bottoms[0], self.pad, self.extents
        # PyTorch's pooling takes less padding than Caffe's.
        wide = any(2 * p > k for p, k in zip(pad, self.kernel, strict=True))
        if wide:
            x, pad = F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=0.0 if self.average else -math.inf), (0, 0)
        if self.average:
            tops = [F.avg_pool2d(x, self.kernel, self.stride, pad, self.ceil, count_include_pad=True)]
        elif len(self.param.top) == 1:
            tops = [F.max_pool2d(x, self.kernel, self.stride, pad, ceil_mode=self.ceil)]
        else:
            top, index = F.max_pool2d(x, self.kernel, self.stride, pad, ceil_mode=self.ceil, return_indices=True)
            if wide:  # from the padded picture to the bottom
                width = x.shape[3]
                index = (index // width - self.pad[0]) * bottoms[0].shape[3] + index % width - self.pad[1]
            tops = [top, index.to(top.dtype)]
        return [top[..., :rows, :columns] for top in tops] if wide else tops

    def _extent(self, size: int, kernel: int, stride: int, pad: int) -> int:
        windows = (size + 2 * pad - kernel) / stride
        count = (math.ceil(windows) if self.ceil else math.floor(windows)) + 1
        if (count - 1) * stride >= size + pad:
            if not any(self.pad):
                raise self.error(f"its last window of {kernel} at stride {stride} lies outside its bottom of {size}.")
            count -= 1
        return count

    def _pair(self, both: str, stem: str) -> tuple[int, int]:
        p = self.param.pooling_param
        if p.HasField(f"{stem}_h") or p.HasField(f"{stem}_w"):  # type: ignore[arg-type]  # the fields exist for every stem
            if p.HasField(both):  # type: ignore[arg-type]
                raise self.error(f"has both {both} and {stem}_h/{stem}_w; write one of them.")
            return getattr(p, f"{stem}_h"), getattr(p, f"{stem}_w")
        return getattr(p, both), getattr(p, both)
