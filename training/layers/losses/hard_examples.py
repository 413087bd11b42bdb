"""Online hard example mining (Shrivastava et al. 2016) as R-FCN has it: losses of each region, and which regions train."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import LossParameter

from ..base import Layer, Shape, shape_list
from .loss import Loss, SoftmaxWithLoss, class_indices
from .value_losses import four_axes

_TINY = torch.finfo(torch.float32).tiny


class SoftmaxWithLossOHEM(SoftmaxWithLoss):
    """Compute what SoftmaxWithLoss does; a third top has the loss of each label, 0 for those that are ignored."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        super().setup(shapes)
        return [(), shapes[0], shapes[1]][: len(self.param.top)]

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        loss, chances = super().compute(bottoms)
        by_class = chances.movedim(self.axis, -1)
        given = bottoms[1].reshape(by_class.shape[:-1])
        labels, counted = class_indices(self, given, by_class.shape[-1], self.param.loss_param)
        picked = by_class.gather(-1, labels.unsqueeze(-1)).squeeze(-1).clamp(min=_TINY)
        return [loss, chances, (-picked.log() * counted).reshape(bottoms[1].shape)]


class SmoothL1LossOHEM(Loss):
    """Sum d^2 / 2 where |d| < 1, else |d| - 1/2, of the difference d of two bottoms, times the third (weights).

    The sum is divided as loss_param.normalization says: by the number of places (VALID, the default, and FULL), of rows
    (BATCH_SIZE), 1 (NONE), or pre_fixed_normalizer (PRE_FIXED). A second top has the sum over the channels of each place.
    """

    labels = (2,)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        super().setup(shapes)
        if len({four_axes(shape) for shape in shapes}) != 1:
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes)}; expected the same shape for predictions, targets and weights."
            )
        rows, _, *places = four_axes(shapes[0])
        return [(), (rows, 1, *places)][: len(self.param.top)]

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.loss_param
        rows, channels, *places = four_axes(tuple(bottoms[0].shape))
        difference = bottoms[0].flatten().float() - bottoms[1].flatten().float()
        if len(bottoms) == 3:
            difference = difference * bottoms[2].detach().flatten()
        terms = F.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="none")
        by = {
            LossParameter.BATCH_SIZE: rows,
            LossParameter.NONE: 1,
            LossParameter.PRE_FIXED: p.pre_fixed_normalizer,
        }.get(p.normalization, rows * math.prod(places))
        if not p.HasField("normalization") and p.HasField("normalize") and not p.normalize:
            by = rows
        each = terms.detach().reshape(rows, channels, *places).sum(1, keepdim=True)
        return [terms.sum() / by, each]


class BoxAnnotatorOHEM(Layer):
    """Keep the labels and the weights of the roi_per_img regions of each picture whose losses are largest.

    Bottoms: regions R x 5, losses, labels, and weights R x C. The labels of the others become ignore_label, and their weights
    0. No gradient goes through it.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        regions, losses, labels, weights = map(four_axes, shapes)
        one = (regions[0], 1, *regions[2:])
        if regions[1] != 5 or losses != one or labels != one or (weights[0], *weights[2:]) != (one[0], *one[2:]):
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes)}; expected R x 5, R losses, R labels and R x C weights."
            )
        if not self.param.box_annotator_ohem_param.roi_per_img:
            raise self.error("roi_per_img is 0; expected at least 1.")
        return [one, weights]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.box_annotator_ohem_param
        regions, losses, labels, weights = (
            bottom.detach().reshape(four_axes(tuple(bottom.shape))) for bottom in bottoms
        )
        order = losses.flatten().argsort(descending=True, stable=True)
        pictures = regions[:, 0].flatten().long()[order]
        # The rank of a region among those of its picture, the largest loss first.
        by_picture = pictures.argsort(stable=True)
        first = torch.searchsorted(pictures[by_picture], pictures[by_picture])
        ranks = torch.empty_like(order)
        ranks[order[by_picture]] = torch.arange(len(order), device=order.device) - first
        kept = (ranks < p.roi_per_img).reshape(labels.shape)
        return [labels.where(kept, p.ignore_label), weights * kept]
