"""Losses that compare values with values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import LossParameter

from ..base import Shape
from .loss import Loss, divisor

_BESIDE_DISTANCE = 1e-4  # Caffe adds it to the distance by which the gradient is divided


class EuclideanLoss(Loss):
    """Sum of squared differences over twice the batch size; both bottoms get a gradient."""

    labels = ()

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        if math.prod(shapes[0]) != math.prod(shapes[1]):
            raise self.error(
                f"its bottoms are {list(shapes[0])} and {list(shapes[1])}; wanted as many numbers in both."
            )
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        difference = bottoms[0].flatten().float() - bottoms[1].flatten().float()
        return [difference.square().sum() / bottoms[0].shape[0] / 2]


class SigmoidCrossEntropyLoss(Loss):
    """Sum of the cross entropies of sigmoid(bottom 0) and the targets of bottom 1 (each 0 to 1, or ignore_label).

    It is divided by loss_param.normalization: BATCH_SIZE (the default), VALID (numbers that are not ignored), FULL (all),
    NONE (1).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        if math.prod(shapes[0]) != math.prod(shapes[1]):
            raise self.error(
                f"has {list(shapes[0])} scores and {list(shapes[1])} targets; wanted a target for each score."
            )
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.loss_param
        targets = bottoms[1].detach().reshape(bottoms[0].shape).float()
        counted = torch.ones_like(targets, dtype=torch.bool)
        if p.HasField("ignore_label"):
            counted = targets.trunc() != p.ignore_label
        losses = F.binary_cross_entropy_with_logits(bottoms[0].float(), targets, reduction="none")
        by = divisor(p, bottoms[0].shape[0], counted, default=LossParameter.BATCH_SIZE)
        return [losses.where(counted, 0).sum() / by]


class ContrastiveLoss(Loss):
    """For pairs of vectors at distance d (Hadsell et al. 2006): d^2 where bottom 2 is not 0 (similar), else
    max(0, margin - d)^2, with legacy_version max(0, margin - d^2); the sum over twice the batch size."""

    bottoms = (3, 3)
    labels = (2,)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        vectors = [(*shape, 1)[:2] for shape in shapes[:2]]
        wide = any(math.prod(shape[2:]) != 1 for shape in shapes[:2])
        if wide or vectors[0] != vectors[1] or math.prod(shapes[2]) != vectors[0][0]:
            raise self.error(
                f"its bottoms are {', '.join(str(list(shape)) for shape in shapes)}; wanted N x C twice, and N labels."
            )
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.contrastive_loss_param
        count = bottoms[0].shape[0]
        difference = bottoms[0].reshape(count, -1).float() - bottoms[1].reshape(count, -1).float()
        similar = bottoms[2].reshape(-1).trunc() != 0
        squares = difference.square().sum(1)
        far = F.relu(p.margin - (squares if p.legacy_version else _distance(difference)))
        apart = far if p.legacy_version else far.square()
        return [torch.where(similar, squares, apart).sum() / count / 2]


def _distance(difference: Tensor) -> Tensor:
    """The length of each row; its gradient is the row over (length + 1e-4), so finite at 0."""
    fixed = difference.detach()
    length = fixed.square().sum(1).sqrt()
    slope = fixed / (length + _BESIDE_DISTANCE).unsqueeze(1)
    return length + ((difference - fixed) * slope).sum(1)
