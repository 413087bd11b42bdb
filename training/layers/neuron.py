"""Layers that work on each number by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import ExpParameter, LogParameter

from .base import Layer, Shape
from .no_gradient import without_gradient
from .shape import not_in_place


class AbsVal(Layer):
    """|x|."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        not_in_place(self)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].abs()]


class BNLL(Layer):
    """log(1 + exp(x))."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.softplus(bottoms[0])]


class Clip(Layer):
    """x, but at least `min` and at most `max`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.clip_param
        if not p.IsInitialized() or p.min > p.max:
            raise self.error("clip_param needs a `min` and a `max` that is no smaller.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.clip_param
        return [bottoms[0].clamp(p.min, p.max)]


class Dropout(Layer):
    """TRAIN: each number is 0 with probability dropout_ratio, else divided by (1 - dropout_ratio). TEST: unchanged.

    A ratio of 1, of which Caffe makes nothing but NaN, and those that it refuses are refused; in TEST they do not matter.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.ratio = self.param.dropout_param.dropout_ratio
        if self.training and not 0 <= self.ratio < 1:
            raise self.error(f"dropout_ratio {self.ratio:g} must be at least 0 and less than 1.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if not self.training or self.ratio == 0:
            return bottoms
        # Drawn on the CPU, where the generator is: every device then drops the same numbers.
        kept = torch.empty_like(bottoms[0], device="cpu").bernoulli_(1 - self.ratio, generator=self.context.generator)
        return [bottoms[0] * kept.mul_(1 / (1 - self.ratio)).to(bottoms[0].device)]


class ELU(Layer):
    """x above 0, alpha (exp(x) - 1) below (Clevert et al. 2015)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.elu(bottoms[0], self.param.elu_param.alpha)]


class Exp(Layer):
    """base ** (shift + scale x); base -1 stands for e."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.log_base = log_of_base(self, self.param.exp_param)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.exp_param
        return [affine(bottoms[0], p.scale * self.log_base, p.shift * self.log_base).exp()]


class Log(Layer):
    """The logarithm of shift + scale x; base -1 stands for e."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.log_base = log_of_base(self, self.param.log_param)
        if self.log_base == 0:
            raise self.error("base 1 has no logarithms.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.log_param
        return [affine(bottoms[0], p.scale, p.shift).log() / self.log_base]


def log_of_base(layer: Layer, p: ExpParameter | LogParameter) -> float:
    """The natural logarithm of p.base. Raises LayerError for one that is neither -1 nor above 0."""
    if p.base == -1:
        return 1.0
    if not 0 < p.base < math.inf:
        raise layer.error(f"base is {p.base:g}; wanted a number above 0, or -1 for e.")
    return math.log(p.base)


class Power(Layer):
    """(shift + scale x) ** power."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.power_param
        if p.scale == 0 or p.power == 0:  # the bottom does not matter, and its gradient is 0
            return [torch.full_like(bottoms[0], p.shift).pow(p.power)]
        top = affine(bottoms[0], p.scale, p.shift)
        return [top if p.power == 1 else top.pow(p.power)]


def affine(x: Tensor, scale: float, shift: float) -> Tensor:
    """scale x + shift, without a pass over the numbers where it changes none."""
    x = x if scale == 1 else x * scale
    return x + shift if shift else x


class ReLU(Layer):
    """max(x, 0) + negative_slope * min(x, 0)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        slope = self.param.relu_param.negative_slope
        if self.may_overwrite and not slope and not (bottoms[0].is_leaf and bottoms[0].requires_grad):
            return [F.relu_(bottoms[0])]
        return [F.leaky_relu(bottoms[0], slope) if slope else F.relu(bottoms[0])]


class ReLU6(Layer):
    """min(max(x, 0), 6) + negative_slope * min(x, 0); from forks of Caffe (MobileNet)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        slope = self.param.relu_param.negative_slope
        top = F.relu6(bottoms[0])
        return [top + slope * bottoms[0].where(bottoms[0] <= 0, 0) if slope else top]


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].sigmoid()]


class Swish(Layer):
    """x sigmoid(beta x) (Ramachandran et al. 2017)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        beta = self.param.swish_param.beta
        return [F.silu(bottoms[0]) if beta == 1 else bottoms[0] * (bottoms[0] * beta).sigmoid()]


class TanH(Layer):
    """Hyperbolic tangent."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].tanh()]


class Threshold(Layer):
    """1 above the threshold, else 0. Has no gradient: a loss behind it cannot train what is before it."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        top = (bottoms[0] > self.param.threshold_param.threshold).to(bottoms[0].dtype)
        return [without_gradient(self, top, bottoms[0])]
