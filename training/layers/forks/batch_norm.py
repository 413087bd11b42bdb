"""BN, which does the work of BatchNorm and Scale; two forks have one of that name."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import BNParameter
from caffe_io.parameters.batch_norm import SEGNET_EPS, is_segnets
from common.messages import shape_text

from ..base import Layer, Shape


class BN(Layer):
    """Compute slope (x - mean) / sqrt(variance + eps) + bias for each channel, axis 1.

    PSPNet's kind has the blobs slope, bias, mean and variance, each 1 x C x 1 x 1. It takes the stored mean and variance in
    TEST and if `frozen`. Otherwise it takes the batch's (biased), and moves the stored ones by 1 - momentum towards them.

    SegNet's kind has the blobs scale and shift only. With bn_mode LEARN it takes the batch's mean and variance, in TEST
    too; with INFERENCE it computes scale x + shift, because SegNet's scripts have put the statistics into the blobs.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.bn_param
        if len(shapes[0]) < 2:
            raise self.error(f"expected a bottom with channels at axis 1; found {shape_text(shapes[0])}.")
        self.segnets = is_segnets(p)
        self.eps = SEGNET_EPS if self.segnets else p.eps
        shape = (1, shapes[0][1], 1, 1)
        self.add_blob(shape, p.scale_filler if self.segnets else p.slope_filler)
        self.add_blob(shape, p.shift_filler if self.segnets else p.bias_filler)
        if not self.segnets:
            self._add_statistics(shape)
        return shapes

    def _add_statistics(self, shape: Shape) -> None:
        for index in range(4):
            if index >= len(self.param.param):
                self.param.param.add()
            if index >= 2 or self.param.bn_param.frozen:
                self.param.param[index].lr_mult = 0
                self.param.param[index].decay_mult = 0
        self.blobs += [torch.zeros(shape, device=self.context.device) for _ in range(2)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, p = bottoms[0], self.param.bn_param
        slope, bias = self.blobs[0].reshape(-1), self.blobs[1].reshape(-1)
        if self.segnets and p.bn_mode == BNParameter.INFERENCE:
            shape = (1, -1, *[1] * (x.dim() - 2))
            return [x * slope.reshape(shape) + bias.reshape(shape)]
        if not self.segnets and (p.frozen or not self.training):
            mean, variance = self.blobs[2].reshape(-1), self.blobs[3].reshape(-1)
            return [torch.batch_norm(x, slope, bias, mean, variance, False, 0, self.eps, False)]
        if not self.segnets:
            self._move_statistics(x)
        if x.numel() == x.shape[1]:
            # One number a channel is its own mean, which PyTorch refuses.
            return [x * 0 + bias.reshape(1, -1, *[1] * (x.dim() - 2))]
        return [torch.batch_norm(x, slope, bias, None, None, True, 0, self.eps, False)]

    @torch.no_grad()
    def _move_statistics(self, x: Tensor) -> None:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        variance, mean = torch.var_mean(x.float(), axes, correction=0)
        for blob, value in zip(self.blobs[2:], (mean, variance), strict=True):
            blob.lerp_(value.reshape(blob.shape).to(blob.dtype), 1 - self.param.bn_param.momentum)
