"""Activation functions that only forks have: HardSigmoid, HardSwish, Mish."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..base import Layer, Shape


class HardSigmoid(Layer):
    """Clamp alpha x + beta to 0 and 1. Forks disagree about the default of alpha, so it must be written."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.hardsigmoid_param
        if not (p.HasField("alpha") and p.HasField("beta")):
            raise self.error(
                "its slope is 1/6 in some forks (MobileNet v3) and 0.2 in others, and the prototxt does not say which. "
                "Write hardsigmoid_param { alpha: 0.16666667 beta: 0.5 } or { alpha: 0.2 beta: 0.5 }."
            )
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.hardsigmoid_param
        return [(bottoms[0] * p.alpha + p.beta).clamp(0, 1)]


class HardSwish(Layer):
    """Compute x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.hardswish(bottoms[0])]


class Mish(Layer):
    """Compute x tanh(log(1 + exp(x))) (Misra 2019)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.mish(bottoms[0])]
