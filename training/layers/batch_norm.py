"""BatchNorm: every channel to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Layer, Shape


class BatchNorm(Layer):
    """(x - mean) / sqrt(variance + eps) for each channel, axis 1 (Ioffe and Szegedy 2015); a Scale layer follows as a rule.

    Mean and variance are the batch's, or those stored where use_global_stats says so (by default in TEST). The blobs are
    three sums, of means, of variances (times m / (m - 1) for m numbers a channel) and of ones, each multiplied by
    moving_average_fraction before a forward with the batch's own statistics adds to it: the first two over the third are
    the stored statistics. They are no learnables: their lr_mult must be 0, and is 0 if it is not given.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.batch_norm_param
        if len(shapes[0]) < 2:
            raise self.error(f"wants a bottom with channels at axis 1; found {list(shapes[0])}.")
        self.stored = p.use_global_stats if p.HasField("use_global_stats") else not self.training
        if any(spec.lr_mult for spec in self.param.param):
            raise self.error(
                "its three blobs are statistics, not weights; write lr_mult: 0 for each, or no param at all."
            )
        for _ in range(len(self.param.param), 3):
            self.param.param.add(lr_mult=0)
        self.blobs = [torch.zeros(size, device=self.context.device) for size in (shapes[0][1], shapes[0][1], 1)]
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, eps = bottoms[0], self.param.batch_norm_param.eps
        if self.stored:
            means, variances, weight = self.blobs
            share = weight.reciprocal().where(weight != 0, 0)
            return [torch.batch_norm(x, None, None, means * share, variances * share, False, 0, eps, False)]
        if x.numel() == x.shape[1]:  # one number a channel is its own mean; PyTorch would correct its variance to 0/0
            self._remember(x.detach().reshape(-1).float(), torch.zeros_like(self.blobs[1]))
            return [x * 0]
        mean, variance = torch.zeros_like(self.blobs[0]), torch.zeros_like(self.blobs[1])
        top = torch.batch_norm(x, None, None, mean, variance, True, 1.0, eps, False)
        self._remember(mean, variance)
        return [top]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        for blob, value in zip(self.blobs, (mean, variance, torch.ones_like(self.blobs[2])), strict=True):
            blob.mul_(self.param.batch_norm_param.moving_average_fraction).add_(value)
