"""Layers that compute with each number by itself: activation functions, arithmetic, Dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import ExpParameter, FillerParameter, LogParameter
from caffe_io.parameters.fillers import DEFAULT_FILL
from common.messages import shape_text

from .base import Layer, Shape
from .gradients import without_gradient


class AbsVal(Layer):
    """Compute |x|."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].abs()]


class BNLL(Layer):
    """Compute log(1 + exp(x))."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.softplus(bottoms[0])]


class Clip(Layer):
    """Clamp x to `min` and `max`."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.clip_param
        if not p.IsInitialized() or p.min > p.max:
            raise self.error("clip_param needs a `min` and a `max` that is no smaller.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.clip_param
        return [bottoms[0].clamp(p.min, p.max)]


class Dropout(Layer):
    """In TRAIN, set each number to 0 with probability dropout_ratio, and divide the others by (1 - dropout_ratio).

    In TEST nothing changes. Refused in TRAIN are the ratios that Caffe refuses, and 1, which in Caffe only gives NaN.

    With scale_train: false of a fork, TRAIN divides nothing, and TEST multiplies by (1 - dropout_ratio).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.ratio = self.param.dropout_param.dropout_ratio
        if self.training and not 0 <= self.ratio < 1:
            raise self.error(f"dropout_ratio is {self.ratio:g}; expected at least 0 and less than 1.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scale_train = self.param.dropout_param.scale_train
        if self.ratio == 0 or (not self.training and scale_train):
            return bottoms
        if not self.training:
            return [bottoms[0] * (1 - self.ratio)]
        # Drawn on the CPU, where the generator is, so that every device drops the same numbers.
        kept = torch.empty_like(bottoms[0], device="cpu").bernoulli_(1 - self.ratio, generator=self.context.generator)
        if scale_train:
            kept.mul_(1 / (1 - self.ratio))
        return [bottoms[0] * kept.to(bottoms[0].device)]


class ELU(Layer):
    """Keep x above 0, and compute alpha (exp(x) - 1) below (Clevert et al. 2015)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.elu(bottoms[0], self.param.elu_param.alpha)]


class Exp(Layer):
    """Compute base ** (shift + scale x); base -1 stands for e."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.log_base = log_of_base(self, self.param.exp_param)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.exp_param
        return [affine(bottoms[0], p.scale * self.log_base, p.shift * self.log_base).exp()]


class Log(Layer):
    """Compute the logarithm of shift + scale x; base -1 stands for e."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.log_base = log_of_base(self, self.param.log_param)
        if self.log_base == 0:
            raise self.error("base 1 has no logarithms.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.log_param
        return [affine(bottoms[0], p.scale, p.shift).log() / self.log_base]


def log_of_base(layer: Layer, p: ExpParameter | LogParameter) -> float:
    """Return the natural logarithm of p.base. Raises LayerError for one that is neither -1 nor above 0."""
    if p.base == -1:
        return 1.0
    if not 0 < p.base < math.inf:
        raise layer.error(f"base is {p.base:g}; expected a number above 0, or -1 for e.")
    return math.log(p.base)


class Power(Layer):
    """Compute (shift + scale x) ** power."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.power_param
        # The bottom does not matter then, and its gradient is 0.
        if p.scale == 0 or p.power == 0:
            return [torch.full_like(bottoms[0], p.shift).pow(p.power)]
        top = affine(bottoms[0], p.scale, p.shift)
        return [top if p.power == 1 else top.pow(p.power)]


def affine(x: Tensor, scale: float, shift: float) -> Tensor:
    """Compute scale x + shift, without a pass over the numbers for a step that changes nothing."""
    x = x if scale == 1 else x * scale
    return x + shift if shift else x


class PReLU(Layer):
    """Compute max(x, 0) + slope * min(x, 0) with learned slopes, which start at 0.25 (He et al. 2015).

    There is one slope for each channel, or one for all (channel_shared).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.prelu_param
        if len(shapes[0]) < 2:
            raise self.error(f"expected a bottom of 2 or more axes, channels at axis 1; found {shape_text(shapes[0])}.")
        filler = p.filler if p.HasField("filler") else FillerParameter(value=DEFAULT_FILL["PReLU"])
        self.add_blob(() if p.channel_shared else (shapes[0][1],), filler)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.prelu(bottoms[0], self.blobs[0].reshape(-1))]


class ReLU(Layer):
    """Compute max(x, 0) + negative_slope * min(x, 0)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        slope = self.param.relu_param.negative_slope
        if self.may_overwrite and not slope and not (bottoms[0].is_leaf and bottoms[0].requires_grad):
            return [F.relu_(bottoms[0])]
        return [F.leaky_relu(bottoms[0], slope) if slope else F.relu(bottoms[0])]


class ReLU6(Layer):
    """Compute min(max(x, 0), 6) + negative_slope * min(x, 0); from forks of Caffe (MobileNet)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        slope = self.param.relu_param.negative_slope
        top = F.relu6(bottoms[0])
        return [top + slope * bottoms[0].where(bottoms[0] <= 0, 0) if slope else top]


class Sigmoid(Layer):
    """Compute 1 / (1 + exp(-x))."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].sigmoid()]


class Swish(Layer):
    """Compute x sigmoid(beta x) (Ramachandran et al. 2017)."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        beta = self.param.swish_param.beta
        return [F.silu(bottoms[0]) if beta == 1 else bottoms[0] * (bottoms[0] * beta).sigmoid()]


class TanH(Layer):
    """Compute the hyperbolic tangent."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [bottoms[0].tanh()]


class Threshold(Layer):
    """Give 1 above the threshold, else 0. It has no gradient: a loss after it cannot train what comes before it."""

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        top = (bottoms[0] > self.param.threshold_param.threshold).to(bottoms[0].dtype)
        return [without_gradient(self, top, bottoms[0])]
