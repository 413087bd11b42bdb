"""Pooling, with Caffe's way of rounding up, and SPP, which is several poolings side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter, PoolingParameter

from .base import Layer, Shape


class Pooling(Layer):
    """MAX, AVE or STOCHASTIC over windows. The extent is rounded up (round_mode CEIL), and where anything is padded, a last
    window that would begin in the padding is dropped.

    AVE divides by the part of the window inside the padded picture. Top 2 of MAX: the index of the maximum. STOCHASTIC (Zeiler
    and Fergus 2013) wants no number below 0; TRAIN: one of the window's, drawn by its share of the sum; TEST: their mean,
    weighted by themselves (Caffe has it on a GPU only). Without padding, the last window may lie outside the bottom, with a
    stride larger than the kernel and the extent rounded up. Caffe then makes -3.4e38 of it (index -1) or 0 / 0, and so does
    this.
    """

    tops = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.pooling_param
        shape = shapes[0]
        if len(shape) != 4:
            raise self.error(f"wants a bottom of 4 axes (N x C x H x W); found {list(shape)}.")
        if p.pool not in _POOLS:
            raise self.error(f"pool {p.pool} is unknown; there are MAX, AVE and STOCHASTIC.")
        self.pool = _POOLS[p.pool]
        self.stride = self._pair("stride", "stride")
        self.pad = self._pair("pad", "pad")
        if not p.global_pooling:
            self.kernel = self._pair("kernel_size", "kernel")
        elif p.kernel_size or p.kernel_h or p.kernel_w or self.stride != (1, 1) or any(self.pad):
            raise self.error("global_pooling takes the whole picture: leave out kernel_size, stride and pad.")
        else:
            self.kernel = (shape[2], shape[3])
        if min(self.kernel) < 1 or min(self.stride) < 1:
            raise self.error("kernel_size and stride must be at least 1.")
        if self.pad[0] >= self.kernel[0] or self.pad[1] >= self.kernel[1]:
            raise self.error(f"pad {self.pad} must be smaller than the kernel {self.kernel}.")
        if any(self.pad) and p.pool == PoolingParameter.STOCHASTIC:
            raise self.error("STOCHASTIC pooling takes no pad; only MAX and AVE do.")
        if len(self.param.top) > 1 and p.pool != PoolingParameter.MAX:
            raise self.error("has a second top; only MAX has one (the index of the maximum).")
        self.ceil = p.round_mode == PoolingParameter.CEIL
        counts = [self._extent(*axis) for axis in zip(shape[2:], self.kernel, self.stride, self.pad, strict=True)]
        if min(counts) < 1:
            raise self.error(f"kernel {self.kernel} is larger than its padded bottom {list(shape)}.")
        self.outside = [
            (n - 1) * s >= size + p for n, s, size, p in zip(counts, self.stride, shape[2:], self.pad, strict=True)
        ]
        self.extents = [n - o for n, o in zip(counts, self.outside, strict=True)]
        return [(*shape[:2], *counts)] * len(self.param.top)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        tops = self.pool(self, bottoms[0])
        if any(self.outside):
            tops = [self._with_outside(top, number, bottoms[0].shape) for number, top in enumerate(tops)]
        return tops

    def _max(self, x: Tensor) -> list[Tensor]:
        padded, pad = self._wide(x, -math.inf)
        if len(self.param.top) == 1:
            return [self._inside(F.max_pool2d(padded, self.kernel, self.stride, pad, ceil_mode=self.ceil))]
        top, index = F.max_pool2d(padded, self.kernel, self.stride, pad, ceil_mode=self.ceil, return_indices=True)
        if padded is not x:
            width = padded.shape[3]
            index = (index // width - self.pad[0]) * x.shape[3] + index % width - self.pad[1]
        return [self._inside(top), self._inside(index.float())]  # bf16 has no whole numbers above 256

    def _average(self, x: Tensor) -> list[Tensor]:
        padded, pad = self._wide(x, 0.0)
        return [self._inside(F.avg_pool2d(padded, self.kernel, self.stride, pad, self.ceil, count_include_pad=True))]

    def _stochastic(self, x: Tensor) -> list[Tensor]:
        height, width = ((n - 1) * s + k for n, s, k in zip(self.extents, self.stride, self.kernel, strict=True))
        x = F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]))  # cuts off, too, what no window reaches
        windows = x.unfold(2, self.kernel[0], self.stride[0]).unfold(3, self.kernel[1], self.stride[1]).flatten(4)
        if not self.training:
            total = windows.sum(-1)
            return [torch.where(total > 0, windows.square().sum(-1) / total.where(total > 0, 1), 0)]
        # Drawn on the CPU, where the generator is: every device then draws the same.
        drawn = 1 - torch.rand(windows.shape[:-1], generator=self.context.generator)  # above 0: what is 0 has no share
        sums = windows.detach().float().cumsum(-1)
        reached = sums >= drawn.to(sums).unsqueeze(-1) * sums[..., -1:]
        return [windows.gather(-1, reached.to(torch.uint8).argmax(-1, keepdim=True)).squeeze(-1)]

    def _wide(self, x: Tensor, value: float) -> tuple[Tensor, tuple[int, int]]:
        """PyTorch's pooling takes less padding than Caffe's: the bottom, padded here if need be, and what is left to pad."""
        if all(2 * p <= k for p, k in zip(self.pad, self.kernel, strict=True)):
            return x, self.pad
        return F.pad(x, (self.pad[1], self.pad[1], self.pad[0], self.pad[0]), value=value), (0, 0)

    def _inside(self, top: Tensor) -> Tensor:
        rows, columns = self.extents
        return top[..., :rows, :columns] if top.shape[2:] != (rows, columns) else top

    def _with_outside(self, top: Tensor, number: int, shape: torch.Size) -> Tensor:
        """The top with a last row or column of windows outside the bottom."""
        missing = (0, int(self.outside[1]), 0, int(self.outside[0]))
        if self.pool is not Pooling._average:
            lowest = torch.finfo(top.dtype).min if self.pool is Pooling._max else 0.0
            return F.pad(top, missing, value=-1.0 if number else lowest)
        # Caffe divides 0 by what it takes for the window's area, which is 0 or negative.
        inside = torch.ones(self.extents, dtype=torch.bool, device=top.device)
        starts = [torch.arange(n + o) * s for n, o, s in zip(self.extents, self.outside, self.stride, strict=True)]
        height, width = (
            (start + k).clamp(max=size) - start for start, k, size in zip(starts, self.kernel, shape[2:], strict=True)
        )
        nothing = (0.0 / (height[:, None] * width[None])).to(top)
        return torch.where(F.pad(inside, missing), F.pad(top, missing), nothing)

    def _extent(self, size: int, kernel: int, stride: int, pad: int) -> int:
        windows = (size + 2 * pad - kernel) / stride
        count = (math.ceil(windows) if self.ceil else math.floor(windows)) + 1
        return count - 1 if any(self.pad) and (count - 1) * stride >= size + pad else count

    def _pair(self, both: str, stem: str) -> tuple[int, int]:
        p = self.param.pooling_param
        height, width = (p.HasField(f"{stem}_{side}") for side in "hw")  # type: ignore[arg-type]  # they exist for every stem
        if not height and not width:
            return getattr(p, both), getattr(p, both)
        if p.HasField(both) or not (height and width):  # type: ignore[arg-type]
            raise self.error(f"wants {both}, or both {stem}_h and {stem}_w, and not more of them.")
        return getattr(p, f"{stem}_h"), getattr(p, f"{stem}_w")


_POOLS = {
    PoolingParameter.MAX: Pooling._max,
    PoolingParameter.AVE: Pooling._average,
    PoolingParameter.STOCHASTIC: Pooling._stochastic,
}


class SPP(Layer):
    """Spatial pyramid (He et al. 2014): the bottom pooled into 1 x 1, 2 x 2, 4 x 4, ... windows, pyramid_height grids in all, the
    results flattened and one behind the other: N x numbers. With pyramid_height 1: N x C x 1 x 1."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.spp_param
        if not p.pyramid_height:
            raise self.error("pyramid_height must be at least 1.")
        if len(shapes[0]) != 4:
            raise self.error(f"wants a bottom of 4 axes (N x C x H x W); found {list(shapes[0])}.")
        self.grids = [self._grid(2**level, shapes[0]) for level in range(p.pyramid_height)]
        made = [grid.setup(shapes)[0] for grid in self.grids]
        return made if len(made) == 1 else [(shapes[0][0], sum(math.prod(shape[1:]) for shape in made))]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        tops = [grid.forward(bottoms)[0] for grid in self.grids]
        return tops if len(tops) == 1 else [torch.cat([top.flatten(1) for top in tops], 1)]

    def _grid(self, bins: int, shape: Shape) -> Pooling:
        param = LayerParameter(name=self.name, type="SPP", bottom=self.param.bottom, top=self.param.top)
        pool = param.pooling_param
        pool.pool = PoolingParameter.PoolMethod.ValueType(self.param.spp_param.pool)
        pool.kernel_h, pool.kernel_w = pool.stride_h, pool.stride_w = [-(-size // bins) for size in shape[2:]]
        pool.pad_h, pool.pad_w = (
            (kernel * bins - size + 1) // 2
            for kernel, size in zip((pool.kernel_h, pool.kernel_w), shape[2:], strict=True)
        )
        return Pooling(param, self.context)
