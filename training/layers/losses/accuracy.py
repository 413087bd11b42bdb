"""Accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import Layer, Shape
from ..no_gradient import without_gradient
from .loss import check_labels


class Accuracy(Layer):
    """Share of labels among the `top_k` highest scores, where a score as high as the label's own counts as higher (a net
    that gives all classes the same is never right); labels equal to ignore_label are left out.
    Top 2: the share of each class among its own labels."""

    bottoms = (2, 2)
    tops = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        scores, labels = shapes
        self.along = self.axis(self.param.accuracy_param.axis, scores)
        wanted = math.prod(scores[: self.along]) * math.prod(scores[self.along + 1 :])
        if math.prod(labels) != wanted:
            raise self.error(
                f"has scores {list(scores)} and {math.prod(labels)} labels; wanted {wanted}, one for each prediction."
            )
        if self.param.accuracy_param.top_k > scores[self.along]:
            raise self.error(f"top_k {self.param.accuracy_param.top_k} is more than its {scores[self.along]} classes.")
        return [(), (scores[self.along],)][: len(self.param.top)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [without_gradient(self, top, bottoms[0]) for top in self._judge(bottoms)]

    @torch.no_grad()
    def _judge(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.accuracy_param
        scores = bottoms[0].float().movedim(self.along, -1).reshape(-1, bottoms[0].shape[self.along])
        labels = bottoms[1].reshape(-1).long()
        counted = check_labels(self, labels, scores.shape[1], p.ignore_label if p.HasField("ignore_label") else None)
        scores, labels = scores[counted], labels[counted]
        own = scores.gather(1, labels[:, None])
        hits = ((scores >= own).sum(1) <= p.top_k) & ~own[:, 0].isnan()
        per_class = torch.bincount(labels[hits], minlength=scores.shape[1])
        counts = torch.bincount(labels, minlength=scores.shape[1])
        tops = [hits.sum() / max(1, len(hits)), per_class / counts.clamp(min=1)]
        return tops[: len(self.param.top)]
