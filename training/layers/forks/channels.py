"""Layers that move numbers between channels, or weigh channels: Axpy, Reorg, ShuffleChannel."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from common.messages import shape_text

from ..base import Layer, Shape


class Axpy(Layer):
    """Compute a x + y: the factors `a` are N x C, or N x C x 1 x 1, and x and y N x C x H x W (SENet)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        factors, x, y = shapes
        if len(x) < 2 or x != y or factors != (*x[:2], *[1] * (len(factors) - 2)) or len(factors) > len(x):
            raise self.error(f"its bottoms are {', '.join(map(shape_text, shapes))}; expected NxC, and two of NxCxHxW.")
        return [x]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        factors, x, y = bottoms
        return [factors.reshape(*x.shape[:2], *[1] * (x.dim() - 2)) * x + y]


class Reorg(Layer):
    """Make more channels of fewer pixels as darknet does: N x C x H x W to N x C s s x H/s x W/s, s being the stride.

    Darknet takes the numbers of its bottom for those of a blob of N x C/(s s) x H s x W s, from which each channel takes
    every s-th pixel. So C must be a multiple of s s. `reverse` makes fewer channels of N x C/(s s) x H s x W s.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.reorg_param, shapes[0]
        self.stride = p.stride if self.param.type == "Reorg" else self.param.reorg_yolo_param.stride
        s = self.stride
        if len(shape) != 4 or s < 1 or shape[1] % (s * s):
            raise self.error(
                f"stride is {s} and its bottom {shape_text(shape)}; expected NxCxHxW, and C a multiple of the stride squared."
            )
        self.reverse = p.reverse
        n, c, h, w = shape
        if self.reverse:
            return [(n, c // (s * s), h * s, w * s)]
        if h % s or w % s:
            raise self.error(
                f"stride {s} does not divide the height and the width of its bottom of {shape_text(shape)}."
            )
        return [(n, c * s * s, h // s, w // s)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, s = bottoms[0], self.stride
        n, c, h, w = x.shape
        if self.reverse:
            apart = x.reshape(n, s, s, c // (s * s), h, w).permute(0, 3, 4, 1, 5, 2)
            return [apart.reshape(n, c // (s * s), h * s, w * s)]
        apart = x.reshape(n, c // (s * s), h, s, w, s).permute(0, 3, 5, 1, 2, 4)
        return [apart.reshape(n, c * s * s, h // s, w // s)]


class ShuffleChannel(Layer):
    """Deal the channels of `group` groups out in turn, so that the next groups have some of each (ShuffleNet)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        group = self.param.shuffle_channel_param.group
        if len(shapes[0]) < 2 or group < 1 or shapes[0][1] % group:
            raise self.error(f"group is {group}, which does not divide the channels of {shape_text(shapes[0])}.")
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, group = bottoms[0], self.param.shuffle_channel_param.group
        return [x.reshape(x.shape[0], group, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape)]
