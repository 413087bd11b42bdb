"""What losses have in common, and SoftmaxWithLoss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import LossParameter
from common.messages import shape_text

from ..base import Layer, Shape, shape_list
from ..gradients import without_gradient

_LOG_FLT_MIN = math.log(torch.finfo(torch.float32).tiny)


class Loss(Layer):
    """A layer whose first top is a number that training minimises.

    All bottoms are of one batch. The top need not be named. No gradient goes to the bottoms in `labels`, and none comes
    from a second top (probabilities).
    """

    labels: ClassVar[tuple[int, ...]] = (1,)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        first, second = shapes[:2]
        if not first or not second or first[0] != second[0]:
            raise self.error(
                f"its bottoms have the shapes {shape_list((first, second))}; expected the same first axis (the batch)."
            )
        return [(), shapes[0]][: len(self.param.top)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        loss, *more = self.compute(bottoms)
        for index in self.labels:
            if index < len(bottoms):
                loss = without_gradient(self, loss, bottoms[index])
        return [loss, *more][: len(self.param.top)]

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        """Compute the tops, the loss first; no gradient goes to the bottoms in `labels`."""
        raise NotImplementedError


class SoftmaxWithLoss(Loss):
    """Compute the multinomial logistic loss of the softmax along softmax_param.axis; labels are class indices.

    A second top holds the probabilities (Caffe 1.0 refuses it by mistake).

    The sum is divided as loss_param.normalization says: VALID (labels that are not ignored; the default), FULL (all),
    BATCH_SIZE (the axes before the class axis), NONE (1).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.axis = self.resolve_axis(self.param.softmax_param.axis, shapes[0])
        check_label_count(self, self.axis, shapes)
        return super().setup(shapes)

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scores = bottoms[0].float().movedim(self.axis, -1)
        p = self.param.loss_param
        labels, counted = class_indices(self, bottoms[1].reshape(scores.shape[:-1]), scores.shape[-1], p)
        logs = scores.log_softmax(-1)
        # Caffe reports the logarithm of at least FLT_MIN, but lets the gradient through.
        picked = at_least(logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1), _LOG_FLT_MIN)
        outer = math.prod(bottoms[0].shape[: self.axis])
        loss = -(picked * counted).sum() / divisor(p, outer, counted)
        return [loss, logs.detach().exp().movedim(-1, self.axis)]


def check_label_count(layer: Layer, axis: int, shapes: list[Shape]) -> None:
    """Raise LayerError unless the second bottom has one label for each prediction of the first, with classes at `axis`."""
    scores, labels = shapes[:2]
    expected = math.prod(scores[:axis]) * math.prod(scores[axis + 1 :])
    if math.prod(labels) != expected:
        raise layer.error(
            f"has scores {shape_text(scores)} and {math.prod(labels)} labels; expected {expected}, one for each prediction."
        )


def class_indices(layer: Layer, labels: Tensor, classes: int, p: LossParameter | None = None) -> tuple[Tensor, Tensor]:
    """Return labels as integers, with 0 for those that `p` ignores, and a mask of the labels that count.

    Raises LayerError for a label that counts outside 0 .. classes - 1.
    """
    integers = labels.long()
    counted = check_labels(layer, integers, classes, p.ignore_label if p and p.HasField("ignore_label") else None)
    return integers.where(counted, 0), counted


def check_labels(layer: Layer, labels: Tensor, classes: int, ignored: int | None) -> Tensor:
    """Return a mask of the labels that count.

    Raises LayerError for a label outside 0 .. classes - 1 that is not `ignored`.
    """
    counted = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    wrong = counted & ((labels < 0) | (labels >= classes))
    if bool(wrong.any()):
        raise layer.error(
            f'label {int(labels[wrong][0])} is out of range: bottom "{layer.param.bottom[0]}" has {classes} classes, '
            f"so labels go from 0 to {classes - 1}. Correct the list the LMDB was made from, or num_output."
        )
    return counted


def divisor(
    p: LossParameter,
    outer: int,
    counted: Tensor,
    default: LossParameter.NormalizationMode.ValueType = LossParameter.VALID,
) -> float:
    """Return what a loss is divided by (Caffe's LossLayer::GetNormalizer). Only PRE_FIXED may be less than 1."""
    mode = p.normalization if p.HasField("normalization") else default
    if not p.HasField("normalization") and p.HasField("normalize"):
        mode = LossParameter.VALID if p.normalize else LossParameter.BATCH_SIZE
    if mode == LossParameter.PRE_FIXED:
        return p.pre_fixed_normalizer
    if mode == LossParameter.FULL:
        return max(1, counted.numel())
    if mode == LossParameter.VALID:
        return max(1, int(counted.sum()))
    return max(1, outer) if mode == LossParameter.BATCH_SIZE else 1


def at_least(values: Tensor, least: float) -> Tensor:
    """Clamp `values` to at least `least`; the gradient ignores the clamp."""
    fixed = values.detach()
    return fixed.clamp(min=least) + (values - fixed)
