"""Losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import LossParameter

from .base import Layer, Shape

_LOG_FLT_MIN = math.log(torch.finfo(torch.float32).tiny)


class SoftmaxWithLoss(Layer):
    """Multinomial logistic loss of the softmax along softmax_param.axis; labels are class indices. Top 2: the probabilities.

    The sum is divided by loss_param.normalization: VALID (labels that are not ignored; the default), FULL (all), BATCH_SIZE
    (the axes in front of the class axis), NONE (1).
    """

    bottoms = (2, 2)
    tops = (1, 2)
    is_loss = True

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        scores, labels = shapes
        self.along = self.axis(self.param.softmax_param.axis, scores)
        wanted = math.prod(scores[: self.along]) * math.prod(scores[self.along + 1 :])
        if math.prod(labels) != wanted:
            raise self.error(
                f"has scores {list(scores)} and {math.prod(labels)} labels; wanted {wanted}, one for each prediction."
            )
        return [(), scores][: len(self.param.top)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scores = bottoms[0].float().movedim(self.along, -1)
        labels = bottoms[1].reshape(scores.shape[:-1]).long()
        p = self.param.loss_param
        counted = check_labels(self, labels, scores.shape[-1], p.ignore_label if p.HasField("ignore_label") else None)
        logs = scores.log_softmax(-1)
        picked = logs.gather(-1, labels.where(counted, 0).unsqueeze(-1)).squeeze(-1)
        # Caffe reports the logarithm of at least FLT_MIN, but lets the gradient through.
        picked = picked + (picked.clamp(min=_LOG_FLT_MIN) - picked).detach()
        outer = math.prod(bottoms[0].shape[: self.along])
        loss = -(picked * counted).sum() / divisor(p, outer, counted)
        tops = [loss, logs.exp().movedim(-1, self.along)]
        return tops[: len(self.param.top)]


def check_labels(layer: Layer, labels: Tensor, classes: int, ignored: int | None) -> Tensor:
    """True where a label counts. Raises LayerError for a label outside 0 .. classes - 1 that is not `ignored`."""
    counted = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    wrong = counted & ((labels < 0) | (labels >= classes))
    if bool(wrong.any()):
        raise layer.error(
            f'label {int(labels[wrong][0])} is out of range: bottom "{layer.param.bottom[0]}" has {classes} classes, '
            f"so labels go from 0 to {classes - 1}. Correct the list the LMDB was made from, or num_output."
        )
    return counted


def divisor(p: LossParameter, outer: int, counted: Tensor) -> float:
    """By what a loss is divided (Caffe's LossLayer::GetNormalizer); never less than 1."""
    mode = p.normalization
    if not p.HasField("normalization") and p.HasField("normalize"):
        mode = LossParameter.VALID if p.normalize else LossParameter.BATCH_SIZE
    if mode == LossParameter.FULL:
        return max(1, counted.numel())
    if mode == LossParameter.VALID:
        return max(1, int(counted.sum()))
    return max(1, outer) if mode == LossParameter.BATCH_SIZE else 1
