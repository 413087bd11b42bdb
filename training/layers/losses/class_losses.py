"""Losses with class indices as labels, other than SoftmaxWithLoss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import BlobProto, HingeLossParameter
from caffe_io.prototxt import parse_binary
from common.errors import MokaError
from common.messages import shape_text

from ..base import Shape
from .loss import Loss, at_least, check_label_count, class_indices, divisor

# Caffe clamps a probability to this before it takes the logarithm.
_LEAST = 1e-20


class OneLabelLoss(Loss):
    """A loss whose second bottom holds one label for each picture."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        scores, labels = shapes
        if not scores or math.prod(labels) != scores[0]:
            raise self.error(
                f"has scores {shape_text(scores)} and {math.prod(labels)} labels; expected one for each picture."
            )
        return super().setup(shapes)


class MultinomialLogisticLoss(OneLabelLoss):
    """Compute the mean over the batch of -log(the label's probability).

    The first bottom holds the probabilities of the classes, all axes after the batch.
    """

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        probabilities = bottoms[0].flatten(1).float()
        labels, _ = class_indices(self, bottoms[1].reshape(-1), probabilities.shape[1])
        picked = at_least(probabilities.gather(1, labels[:, None]), _LEAST)
        return [-picked.log().sum() / len(labels)]


class HingeLoss(OneLabelLoss):
    """Compute the mean over the batch of the sum over classes of max(0, 1 - score) or max(0, 1 + score).

    The first counts for the label's class, the second for the others; with norm L2 each is squared.
    """

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scores = bottoms[0].flatten(1).float()
        labels, _ = class_indices(self, bottoms[1].reshape(-1), scores.shape[1])
        signs = torch.ones_like(scores).scatter_(1, labels[:, None], -1)
        excess = F.relu(1 + signs * scores)
        if self.param.hinge_loss_param.norm == HingeLossParameter.L2:
            excess = excess.square()
        return [excess.sum() / len(labels)]


class InfogainLoss(Loss):
    """Compute -sum over classes k of H[label, k] log(softmax of the scores at k); with H = identity, SoftmaxWithLoss.

    H (classes x classes) is the third bottom, or read from infogain_loss_param.source, a BlobProto. The softmax is along
    infogain_loss_param.axis; the sum is divided as in SoftmaxWithLoss. A second top holds the probabilities.
    """

    labels = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.axis = self.resolve_axis(self.param.infogain_loss_param.axis, shapes[0])
        check_label_count(self, self.axis, shapes)
        tops = super().setup(shapes)
        if self.param.loss_param.HasField("normalize"):
            raise self.error('does not take the old "normalize". Write "normalization" in loss_param.')
        classes = shapes[0][self.axis]
        if len(shapes) == 2:
            self._matrix = self._read_matrix().to(self.context.device)
        count = math.prod(shapes[2]) if len(shapes) == 3 else self._matrix.numel()
        if count != classes**2:
            raise self.error(f"its matrix H has {count} numbers; expected {classes}x{classes}, for {classes} classes.")
        return tops

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scores = bottoms[0].float().movedim(self.axis, -1)
        p, classes = self.param.loss_param, scores.shape[-1]
        labels, counted = class_indices(self, bottoms[1].reshape(scores.shape[:-1]), classes, p)
        matrix = (bottoms[2] if len(bottoms) == 3 else self._matrix).detach().float().reshape(classes, classes)
        logs = scores.log_softmax(-1)
        gains = (matrix[labels] * at_least(logs, math.log(_LEAST))).sum(-1)
        outer = math.prod(bottoms[0].shape[: self.axis])
        loss = -(gains * counted).sum() / divisor(p, outer, counted)
        return [loss, logs.detach().exp().movedim(-1, self.axis)]

    def _read_matrix(self) -> Tensor:
        source = self.param.infogain_loss_param.source
        if not source:
            raise self.error("has no matrix H. Give it as the third bottom or as infogain_loss_param { source: FILE }.")
        try:
            values = blob_to_array(parse_binary(source, BlobProto(), "a matrix (binaryproto)"), source)
        except MokaError as error:
            raise self.error(f"its matrix H cannot be read: {error}") from error
        return torch.from_numpy(values)
