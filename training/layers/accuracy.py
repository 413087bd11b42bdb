"""Accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Layer, Shape


class Accuracy(Layer):
    """Share of labels among the `top_k` highest scores; labels equal to ignore_label are left out.
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

    @torch.no_grad()
    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.accuracy_param
        scores = bottoms[0].float().movedim(self.along, -1).reshape(-1, bottoms[0].shape[self.along])
        labels = bottoms[1].reshape(-1).long()
        if p.HasField("ignore_label"):
            counted = labels != p.ignore_label
            scores, labels = scores[counted], labels[counted]
        hits = (scores.topk(p.top_k, dim=1).indices == labels[:, None]).any(1).float()
        per_class = torch.zeros(scores.shape[1]).index_add_(0, labels, hits)
        counts = torch.bincount(labels, minlength=scores.shape[1])
        tops = [hits.mean() if len(hits) else torch.zeros(()), per_class / counts.clamp(min=1)]
        return tops[: len(self.param.top)]
