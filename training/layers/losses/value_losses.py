"""Losses that compare values with values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import LossParameter
from common.messages import shape_text

from ..base import Shape, shape_list
from .loss import Loss, divisor

# Caffe adds this to the distance by which it divides the gradient.
_DISTANCE_EPS = 1e-4


class EuclideanLoss(Loss):
    """Compute the sum of squared differences over twice the batch size; both bottoms get a gradient."""

    labels = ()

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        if math.prod(shapes[0]) != math.prod(shapes[1]):
            raise self.error(f"its bottoms have the shapes {shape_list(shapes)}; expected as many numbers in both.")
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        difference = bottoms[0].flatten().float() - bottoms[1].flatten().float()
        return [difference.square().sum() / bottoms[0].shape[0] / 2]


class SmoothL1Loss(Loss):
    """Sum sigma^2 d^2 / 2 where |d| < 1 / sigma^2, else |d| - 1 / (2 sigma^2), over the batch size (Girshick 2015).

    d is the difference of the first two bottoms, times the third (inside weights). The fourth (outside weights) weighs each
    term; Fast R-CNN's first version had none. Both predictions and targets get a gradient.

    Of loss_param, normalization NONE divides by 1, and PRE_FIXED by pre_fixed_normalizer.
    """

    labels = (2, 3)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        if len({four_axes(shape) for shape in shapes}) != 1:
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes)}; expected the same shape for predictions, targets, and, if "
                "there are weights, inside and outside weights."
            )
        p = self.param.loss_param
        if p.HasField("normalization") and p.normalization in (LossParameter.FULL, LossParameter.VALID):
            raise self.error(
                "forks divide differently with normalization FULL or VALID. Leave it out to divide by the batch size, or write "
                "PRE_FIXED and pre_fixed_normalizer."
            )
        if not (self.param.smooth_l1_loss_param.sigma**2):
            raise self.error("sigma is 0; expected another number, such as 1.")
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        square = self.param.smooth_l1_loss_param.sigma**2
        flat = [bottom.flatten().float() for bottom in bottoms]
        difference = flat[0] - flat[1]
        if len(flat) > 2:
            difference = difference * flat[2].detach()
        size = difference.abs()
        terms = torch.where(size < 1 / square, 0.5 * square * size * size, size - 0.5 / square)
        if len(flat) == 4:
            terms = terms * flat[3].detach()
        p = self.param.loss_param
        by = divisor(p, bottoms[0].shape[0], terms, default=LossParameter.BATCH_SIZE)
        return [terms.sum() / by]


def four_axes(shape: Shape) -> Shape:
    """Return the shape with 1 for the axes that a blob of four axes lacks."""
    return (*shape, 1, 1, 1, 1)[: max(4, len(shape))]


class SigmoidCrossEntropyLoss(Loss):
    """Compute the sum of the cross entropies of sigmoid(scores) and targets.

    The first bottom holds the scores, the second the targets, each 0 to 1 or ignore_label. The sum is divided as
    loss_param.normalization says: BATCH_SIZE (the default), VALID (numbers that are not ignored), FULL (all), NONE (1).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        if math.prod(shapes[0]) != math.prod(shapes[1]):
            raise self.error(
                f"has scores {shape_text(shapes[0])} and targets {shape_text(shapes[1])}; expected one target for each score."
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
    """Compare pairs of vectors at distance d (Hadsell et al. 2006).

    A pair counts d^2 where the third bottom is not 0 (similar), else max(0, margin - d)^2, or with legacy_version
    max(0, margin - d^2). The sum is divided by twice the batch size.
    """

    labels = (2,)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        tops = super().setup(shapes)
        vectors = [(*shape, 1)[:2] for shape in shapes[:2]]
        has_pixels = any(math.prod(shape[2:]) != 1 for shape in shapes[:2])
        if has_pixels or vectors[0] != vectors[1] or math.prod(shapes[2]) != vectors[0][0]:
            raise self.error(f"its bottoms have the shapes {shape_list(shapes)}; expected N x C twice, and N labels.")
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.contrastive_loss_param
        count = bottoms[0].shape[0]
        difference = bottoms[0].reshape(count, -1).float() - bottoms[1].reshape(count, -1).float()
        similar = bottoms[2].reshape(-1).trunc() != 0
        squares = difference.square().sum(1)
        lack = F.relu(p.margin - (squares if p.legacy_version else _distance(difference)))
        dissimilar = lack if p.legacy_version else lack.square()
        return [torch.where(similar, squares, dissimilar).sum() / count / 2]


def _distance(difference: Tensor) -> Tensor:
    """Return the length of each row; its gradient is the row over (length + 1e-4), so finite at 0."""
    fixed = difference.detach()
    length = fixed.square().sum(1).sqrt()
    slope = fixed / (length + _DISTANCE_EPS).unsqueeze(1)
    return length + ((difference - fixed) * slope).sum(1)
