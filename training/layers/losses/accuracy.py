"""Accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import Layer, Shape
from ..gradients import without_gradient
from .loss import check_label_count, check_labels


class Accuracy(Layer):
    """Compute the share of labels that are among the `top_k` highest scores.

    A score as high as the label's own counts as higher, so a net that gives all classes the same score is never right.
    Labels equal to ignore_label do not count. A second top holds the share for each class among its own labels.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        scores = shapes[0]
        self.axis = self.resolve_axis(self.param.accuracy_param.axis, scores)
        check_label_count(self, self.axis, shapes)
        classes = scores[self.axis]
        if self.param.accuracy_param.top_k > classes:
            raise self.error(
                f"top_k is {self.param.accuracy_param.top_k}; expected at most {classes}, its number of classes."
            )
        return [(), (classes,)][: len(self.param.top)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [without_gradient(self, top, bottoms[0]) for top in self._judge(bottoms)]

    @torch.no_grad()
    def _judge(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.accuracy_param
        scores = bottoms[0].float().movedim(self.axis, -1).reshape(-1, bottoms[0].shape[self.axis])
        labels = bottoms[1].reshape(-1).long()
        counted = check_labels(self, labels, scores.shape[1], p.ignore_label if p.HasField("ignore_label") else None)
        scores, labels = scores[counted], labels[counted]
        own = scores.gather(1, labels[:, None])
        hits = ((scores >= own).sum(1) <= p.top_k) & ~own[:, 0].isnan()
        per_class = torch.bincount(labels[hits], minlength=scores.shape[1])
        counts = torch.bincount(labels, minlength=scores.shape[1])
        tops = [hits.sum() / max(1, len(hits)), per_class / counts.clamp(min=1)]
        return tops[: len(self.param.top)]
