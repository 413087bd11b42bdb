"""Layers that normalise: BatchNorm, LRN, MVN, Softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter, LRNParameter
from caffe_io.parameters.batch_norm import scales_too
from common.messages import shape_text

from .base import Layer, Shape


class BatchNorm(Layer):
    """Compute (x - mean) / sqrt(variance + eps) for each channel, axis 1 (Ioffe and Szegedy 2015).

    A Scale layer usually follows. Mean and variance are the batch's, or the stored ones if use_global_stats says so (the
    default in TEST).

    The blobs are three sums: of means, of variances (times m / (m - 1) for m numbers a channel) and of ones. A forward
    pass with the batch's own statistics multiplies each by moving_average_fraction and adds to it. The stored statistics
    are the first two divided by the third. The blobs are no learnable weights: their lr_mult must be 0, which is also the
    default.

    NVIDIA's does the work of Scale as well, if scale_bias or a filler for it says so: blobs 3 and 4 are factor and bias.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.batch_norm_param
        if len(shapes[0]) < 2:
            raise self.error(f"expected a bottom with channels at axis 1; found {shape_text(shapes[0])}.")
        self.uses_stored = p.use_global_stats if p.HasField("use_global_stats") else not self.training
        self.scales_too = scales_too(p)
        if any(spec.lr_mult for spec in self.param.param[:3]):
            raise self.error(
                "its first three blobs are statistics, not weights. Write lr_mult: 0 for each, or no param at all."
            )
        for _ in range(len(self.param.param), 3):
            self.param.param.add(lr_mult=0)
        self.blobs = [torch.zeros(size, device=self.context.device) for size in (shapes[0][1], shapes[0][1], 1)]
        if self.scales_too:
            self.add_blob(shapes[0][1:2], p.scale_filler if p.HasField("scale_filler") else FillerParameter(value=1))
            self.add_blob(shapes[0][1:2], p.bias_filler)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        factor, bias = self.blobs[3:] if self.scales_too else (None, None)
        return [self.normalise(bottoms[0], factor, bias)]

    def normalise(self, x: Tensor, factor: Tensor | None, bias: Tensor | None) -> Tensor:
        """Return x normalised, times `factor` plus `bias`, if there are such numbers for the channels."""
        eps = self.param.batch_norm_param.eps
        if self.uses_stored:
            means, variances, weight = self.blobs[:3]
            share = weight.reciprocal().where(weight != 0, 0)
            return torch.batch_norm(x, factor, bias, means * share, variances * share, False, 0, eps, False)
        if x.numel() == x.shape[1]:
            # One number a channel is its own mean; PyTorch would correct its variance to 0 / 0.
            self._add_to_sums(x.detach().reshape(-1).float(), torch.zeros_like(self.blobs[1]))
            along = (1, -1, *[1] * (x.dim() - 2))
            top = x * 0 if factor is None else x * 0 * factor.reshape(along)
            return top if bias is None else top + bias.reshape(along)
        mean, variance = torch.zeros_like(self.blobs[0]), torch.zeros_like(self.blobs[1])
        top = torch.batch_norm(x, factor, bias, mean, variance, True, 1.0, eps, False)
        self._add_to_sums(mean, variance)
        return top

    @torch.no_grad()
    def _add_to_sums(self, mean: Tensor, variance: Tensor) -> None:
        for blob, value in zip(self.blobs[:3], (mean, variance, torch.ones_like(self.blobs[2])), strict=True):
            blob.mul_(self.param.batch_norm_param.moving_average_fraction).add_(value)


class LRN(Layer):
    """Local response normalisation (Krizhevsky et al. 2012).

    ACROSS_CHANNELS: y = x / (k + alpha / n * sum of squares over n channels) ** beta; Caffe divides alpha by n.
    WITHIN_CHANNEL: the sum is over n x n numbers of the same channel, alpha is divided by n * n, and k is always 1.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.lrn_param
        if p.local_size % 2 == 0:
            raise self.error(f"local_size {p.local_size} must be odd.")
        if len(shapes[0]) != 4:
            raise self.error(f"expected a bottom of 4 axes (N x C x H x W); found {shape_text(shapes[0])}.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.lrn_param
        if p.norm_region == LRNParameter.WITHIN_CHANNEL:
            return [_within_channel(bottoms[0], p.local_size, p.alpha, p.beta)]
        normalised: Tensor = _AcrossChannels.apply(bottoms[0], p.local_size, p.alpha, p.beta, p.k)  # type: ignore[no-untyped-call]
        return [normalised]


def _within_channel(x: Tensor, size: int, alpha: float, beta: float) -> Tensor:
    # Numbers beyond the border count as 0.
    mean = F.avg_pool2d(x.float().square(), size, 1, size // 2)
    return (x * (1 + alpha * mean).pow(-beta)).to(x.dtype)


class _AcrossChannels(torch.autograd.Function):
    """Add shifted channels instead of PyTorch's pooling over channels.

    It is twice as fast on a CPU, and only one tensor is kept for backward.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        scale = _sum_of_neighbours(x.float().square(), size).mul_(alpha / size).add_(k)
        ctx.save_for_backward(x, scale)
        ctx.settings = size, alpha, beta
        return _inverse_power(scale, beta).mul_(x).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale = ctx.saved_tensors
        size, alpha, beta = ctx.settings
        gradient = gradients[0].float()
        power = _inverse_power(scale, beta)
        ratio = (gradient * power).mul_(x).div_(scale)
        ratio = _sum_of_neighbours(ratio, size).mul_(-2 * alpha * beta / size).mul_(x)
        return power.mul_(gradient).add_(ratio).to(x.dtype), None, None, None, None


def _sum_of_neighbours(values: Tensor, size: int) -> Tensor:
    total = values.clone()
    for shift in range(1, min(size // 2, values.shape[1] - 1) + 1):
        total[:, shift:] += values[:, :-shift]
        total[:, :-shift] += values[:, shift:]
    return total


def _inverse_power(scale: Tensor, beta: float) -> Tensor:
    """Compute scale ** -beta.

    For beta 0.75, the usual one, square roots alone do it several times faster than a power.
    """
    if beta != 0.75:
        return scale.pow(-beta)
    root = scale.rsqrt()
    return root.sqrt().mul_(root)


class MVN(Layer):
    """Subtract the mean of each channel of a picture, or with across_channels of the picture.

    With normalize_variance it also divides by the standard deviation plus eps. The top always has four axes, as in Caffe.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        if not 1 <= len(shapes[0]) <= 4:
            raise self.error(f"expected a bottom of 1 to 4 axes; found {shape_text(shapes[0])}.")
        return [(*shapes[0], 1, 1, 1)[:4]]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p, x = self.param.mvn_param, bottoms[0]
        x = x.reshape(*x.shape, *(1,) * (4 - x.dim())).float()
        axes = (1, 2, 3) if p.across_channels else (2, 3)
        if not p.normalize_variance:
            return [x - x.mean(axes, keepdim=True)]
        top: Tensor = _MeanVariance.apply(x, axes, p.eps)  # type: ignore[no-untyped-call]
        return [top]


class _MeanVariance(torch.autograd.Function):
    """Normalise with Caffe's gradient, which neglects eps in one term; it is finite where all numbers are equal."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
        centred = x - x.mean(axes, keepdim=True)
        deviation = centred.square().mean(axes, keepdim=True).sqrt_().add_(eps)
        top = centred / deviation
        ctx.save_for_backward(top, deviation)
        ctx.axes = axes
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        top, deviation = ctx.saved_tensors
        gradient = gradients[0]
        along = (gradient * top).mean(ctx.axes, keepdim=True)
        return (gradient - gradient.mean(ctx.axes, keepdim=True) - top * along) / deviation, None, None


class Softmax(Layer):
    """Compute probabilities along `axis`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.axis = self.resolve_axis(self.param.softmax_param.axis, shapes[0])
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].float().softmax(self.axis)]
