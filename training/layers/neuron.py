"""Layers that work on each number by itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Layer, Shape


class ReLU(Layer):
    """max(x, 0) + negative_slope * min(x, 0)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        slope = self.param.relu_param.negative_slope
        return [F.leaky_relu(bottoms[0], slope) if slope else F.relu(bottoms[0])]


class Dropout(Layer):
    """TRAIN: each number is 0 with probability dropout_ratio, else divided by (1 - dropout_ratio). TEST: unchanged."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            raise self.error(f"dropout_ratio {self.ratio:g} must be at least 0 and less than 1.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if not self.context.training or self.ratio == 0:
            return bottoms
        # Drawn on the CPU, where the generator is: every device then drops the same numbers.
        kept = torch.empty_like(bottoms[0], device="cpu").bernoulli_(1 - self.ratio, generator=self.context.generator)
        return [bottoms[0] * kept.mul_(1 / (1 - self.ratio)).to(bottoms[0].device)]
