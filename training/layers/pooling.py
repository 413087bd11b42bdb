"""Pooling, with Caffe's way of rounding up, and SPP, which is several poolings side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter, PoolingParameter
from caffe_io.windows import WindowError, pooling_conflict, pooling_window
from common.messages import shape_text

from .base import Layer, Shape


class Pooling(Layer):
    """Pool windows by MAX, AVE or STOCHASTIC.

    caffe_io/windows.py has the rule for how many windows there are.

    MAX: a second top holds the index of each maximum.

    AVE divides by the part of the window inside the padded picture.

    STOCHASTIC (Zeiler and Fergus 2013) needs numbers of at least 0. In TRAIN it draws one of the window's numbers, each
    with its share of the sum as its probability. In TEST it computes their mean weighted by themselves (in Caffe only on
    a GPU).

    Without padding, the last window may lie outside the bottom: with a stride larger than the kernel and the number of
    windows rounded up. Caffe then gives -3.4e38 (index -1) or 0 / 0, and so does this.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.pooling_param
        shape = shapes[0]
        if p.pool not in _POOLS:
            raise self.error(f"pool {p.pool} is unknown; expected MAX, AVE or STOCHASTIC.")
        if len(self.param.top) > 1 and p.pool != PoolingParameter.MAX:
            raise self.error("has a second top; only MAX has one (the index of the maximum).")
        if conflict := pooling_conflict(p):
            raise self.error(conflict)
        try:
            self.window = pooling_window(p, shape)
        except WindowError as error:
            raise self.error(str(error)) from error
        self.pool = _POOLS[p.pool]
        self.rounds_up = p.round_mode == PoolingParameter.CEIL
        self.outside = self.window.outside(shape[2:])
        rows, columns = (n - outside for n, outside in zip(self.window.counts, self.outside, strict=True))
        self.counts_inside = (rows, columns)
        return [(*shape[:2], *self.window.counts)] * len(self.param.top)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        tops = self.pool(self, bottoms[0])
        if any(self.outside):
            tops = [self._append_outside(top, number, bottoms[0].shape) for number, top in enumerate(tops)]
        return tops

    def _max(self, x: Tensor) -> list[Tensor]:
        w = self.window
        padded, pad = self._pad_if_wide(x, -math.inf)
        if len(self.param.top) == 1:
            return [self._inside(F.max_pool2d(padded, w.kernel, w.stride, pad, ceil_mode=self.rounds_up))]
        top, index = F.max_pool2d(padded, w.kernel, w.stride, pad, ceil_mode=self.rounds_up, return_indices=True)
        if padded is not x:
            width = padded.shape[3]
            index = (index // width - w.pad[0]) * x.shape[3] + index % width - w.pad[1]
        # float32, because bf16 has no whole numbers above 256.
        return [self._inside(top), self._inside(index.float())]

    def _average(self, x: Tensor) -> list[Tensor]:
        w = self.window
        padded, pad = self._pad_if_wide(x, 0.0)
        return [self._inside(F.avg_pool2d(padded, w.kernel, w.stride, pad, self.rounds_up, count_include_pad=True))]

    def _stochastic(self, x: Tensor) -> list[Tensor]:
        w = self.window
        height, width = ((n - 1) * s + k for n, s, k in zip(self.counts_inside, w.stride, w.kernel, strict=True))
        # A negative padding cuts off what no window reaches.
        x = F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]))
        windows = x.unfold(2, w.kernel[0], w.stride[0]).unfold(3, w.kernel[1], w.stride[1]).flatten(4)
        if not self.training:
            total = windows.sum(-1)
            return [torch.where(total > 0, windows.square().sum(-1) / total.where(total > 0, 1), 0)]
        # Drawn on the CPU, where the generator is, so that every device draws the same. Always above 0, so that a number
        # of 0, which has no share, is never drawn.
        drawn = 1 - torch.rand(windows.shape[:-1], generator=self.context.generator)
        sums = windows.detach().float().cumsum(-1)
        reached = sums >= drawn.to(sums).unsqueeze(-1) * sums[..., -1:]
        return [windows.gather(-1, reached.to(torch.uint8).argmax(-1, keepdim=True)).squeeze(-1)]

    def _pad_if_wide(self, x: Tensor, value: float) -> tuple[Tensor, tuple[int, int]]:
        """Pad the bottom here if PyTorch's pooling does not take as much; return it and what is left to pad."""
        pad = self.window.pad
        if all(2 * p <= k for p, k in zip(pad, self.window.kernel, strict=True)):
            return x, pad
        return F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=value), (0, 0)

    def _inside(self, top: Tensor) -> Tensor:
        """Drop the windows outside the bottom."""
        rows, columns = self.counts_inside
        return top[..., :rows, :columns] if top.shape[2:] != (rows, columns) else top

    def _append_outside(self, top: Tensor, number: int, shape: torch.Size) -> Tensor:
        """Append a last row or column of windows that lie outside the bottom."""
        w = self.window
        missing = (0, int(self.outside[1]), 0, int(self.outside[0]))
        if self.pool is not Pooling._average:
            lowest = torch.finfo(top.dtype).min if self.pool is Pooling._max else 0.0
            return F.pad(top, missing, value=-1.0 if number else lowest)
        # Caffe divides 0 by the area that it computes for the window, which is 0 or negative.
        inside = torch.ones(self.counts_inside, dtype=torch.bool, device=top.device)
        starts = [torch.arange(n) * s for n, s in zip(w.counts, w.stride, strict=True)]
        height, width = (
            (start + k).clamp(max=size) - start for start, k, size in zip(starts, w.kernel, shape[2:], strict=True)
        )
        nothing = (0.0 / (height[:, None] * width[None])).to(top)
        return torch.where(F.pad(inside, missing), F.pad(top, missing), nothing)


_POOLS = {
    PoolingParameter.MAX: Pooling._max,
    PoolingParameter.AVE: Pooling._average,
    PoolingParameter.STOCHASTIC: Pooling._stochastic,
}


class SPP(Layer):
    """Pool the bottom into a spatial pyramid (He et al. 2014).

    There are `pyramid_height` grids of 1 x 1, 2 x 2, 4 x 4, ... windows. Their results are flattened and joined:
    N x numbers. With pyramid_height 1 the top is N x C x 1 x 1.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.spp_param
        if not p.pyramid_height:
            raise self.error("pyramid_height must be at least 1.")
        if len(shapes[0]) != 4:
            raise self.error(f"expected a bottom of 4 axes (N x C x H x W); found {shape_text(shapes[0])}.")
        if 2 ** (p.pyramid_height - 1) > max(shapes[0][2:]):
            raise self.error(
                f"pyramid_height {p.pyramid_height} makes more windows than its bottom of {shape_text(shapes[0])} has numbers."
            )
        self.grids = [self._grid(2**level, shapes[0]) for level in range(p.pyramid_height)]
        made = [grid.setup(shapes)[0] for grid in self.grids]
        return made if len(made) == 1 else [(shapes[0][0], sum(math.prod(shape[1:]) for shape in made))]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        tops = [grid.forward(bottoms)[0] for grid in self.grids]
        return tops if len(tops) == 1 else [torch.cat([top.flatten(1) for top in tops], 1)]

    def _grid(self, bins: int, shape: Shape) -> Pooling:
        """Make the pooling of one level, with `bins` x `bins` windows."""
        param = LayerParameter(name=self.name, type="SPP", bottom=self.param.bottom, top=self.param.top)
        pool = param.pooling_param
        pool.pool = PoolingParameter.PoolMethod.ValueType(self.param.spp_param.pool)
        kernels = [-(-size // bins) for size in shape[2:]]
        pool.kernel_h, pool.kernel_w = kernels
        pool.stride_h, pool.stride_w = kernels
        pool.pad_h, pool.pad_w = (
            (kernel * bins - size + 1) // 2 for kernel, size in zip(kernels, shape[2:], strict=True)
        )
        return Pooling(param, self.context)
