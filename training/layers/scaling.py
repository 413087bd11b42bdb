"""Bias and Scale: multiply and add numbers per channel, or along any consecutive axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import BiasParameter, FillerParameter, ScaleParameter
from caffe_io.parameters.fillers import DEFAULT_FILL
from common.messages import shape_text

from .base import Layer, Shape
from .gradients import gradient_written


class Bias(Layer):
    """Compute x + bias.

    The bias lies along `num_axes` axes (-1: all the rest) of the bottom, starting at `axis`. It is a weight, or the
    second bottom; then the second bottom's own axes count.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.bias_param
        self.broadcast_shape = broadcast_shape(self, p, shapes)
        if len(shapes) == 1:
            self.add_blob(covered_shape(self, p, shapes), p.filler)
        return shapes[:1]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        bias = bottoms[1] if len(bottoms) > 1 else self.blobs[0]
        return [bottoms[0] + bias.reshape(self.broadcast_shape).to(bottoms[0].dtype)]


class Scale(Layer):
    """Compute x * factor, and with bias_term + bias.

    Both lie along `num_axes` axes (-1: all the rest) of the bottom, starting at `axis`. The factor is a weight, filled
    with 1 by default, or the second bottom, whose own axes count then. The bias is always a weight. `is_channelwise` says
    that the factor is a weight for each channel, axis 1.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.scale_param
        self.broadcast_shape = broadcast_shape(self, p, shapes)
        axes = len(shapes[0])
        along_channels = (shapes[0][1], *[1] * (axes - 2)) if axes > 1 else None
        self.is_channelwise = len(shapes) == 1 and self.broadcast_shape == along_channels
        covered = covered_shape(self, p, shapes)
        if len(shapes) == 1:
            self.add_blob(covered, p.filler if p.HasField("filler") else FillerParameter(value=DEFAULT_FILL["Scale"]))
            count = math.prod(covered)
            before = shapes[0][: self.resolve_axis(p.axis, shapes[0])] if covered else ()
            self.replaces_gradient = count == math.prod(shapes[0]) or (count > 1 and math.prod(before) == 1)
        if p.bias_term:
            self.add_blob(covered, p.bias_filler)
        return shapes[:1]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x = bottoms[0]
        if self.is_channelwise:
            # That is a batch norm with mean 0 and variance 1; its backward takes one pass, not three.
            factor, bias = self.factor_and_bias()
            zeros = torch.zeros_like(factor)
            return [torch.batch_norm(x, factor, bias, zeros, zeros + 1, False, 0, 0, False)]
        weight = self._factor() if len(bottoms) == 1 else bottoms[1]
        factor = weight.reshape(self.broadcast_shape).to(x.dtype)
        if not self.param.scale_param.bias_term:
            return [x * factor]
        return [torch.addcmul(self.blobs[-1].reshape(self.broadcast_shape).to(x.dtype), x, factor)]

    def factor_and_bias(self) -> tuple[Tensor, Tensor | None]:
        """Return the factor that is a weight, and the bias; None without bias_term."""
        return self._factor(), self.blobs[1] if self.param.scale_param.bias_term else None

    def _factor(self) -> Tensor:
        """Return the factor, with its gradient written in Caffe's order where that matters: where one may be lost."""
        shared = bool(self.param.param) and bool(self.param.param[0].name)
        if self.context.caffe_bugs and (self.replaces_gradient or shared):
            return gradient_written(self.blobs[0], self.replaces_gradient)
        return self.blobs[0]


def covered_shape(layer: Layer, p: BiasParameter | ScaleParameter, shapes: list[Shape]) -> Shape:
    """Return the shape of factor or bias: the second bottom's, or the axes of the first that `p` names."""
    if len(shapes) > 1:
        return shapes[1]
    first = layer.resolve_axis(p.axis, shapes[0])
    if p.num_axes < -1 or first + p.num_axes > len(shapes[0]):
        raise layer.error(
            f"axis {p.axis} and num_axes {p.num_axes} do not fit its bottom of shape {shape_text(shapes[0])}."
        )
    return shapes[0][first:] if p.num_axes == -1 else shapes[0][first : first + p.num_axes]


def broadcast_shape(layer: Layer, p: BiasParameter | ScaleParameter, shapes: list[Shape]) -> Shape:
    """Return covered_shape with a 1 for each later axis of the first bottom, so that PyTorch broadcasts it."""
    covered = covered_shape(layer, p, shapes)
    if not covered:
        # A single number.
        return ()
    first = layer.resolve_axis(p.axis, shapes[0])
    if shapes[0][first : first + len(covered)] != covered:
        raise layer.error(
            f"its second bottom of shape {shape_text(covered)} does not match the first, {shape_text(shapes[0])}, "
            f"from axis {first} on."
        )
    return (*covered, *[1] * (len(shapes[0]) - first - len(covered)))
