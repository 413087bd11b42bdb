"""Bias and Scale: factors and summands for whole channels, or for any run of axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import BiasParameter, FillerParameter, ScaleParameter

from .base import Layer, Shape


class Bias(Layer):
    """x + bias. The bias lies along `num_axes` axes (-1: all the rest) of the bottom from `axis` on. It is a weight, or
    bottom 2, whose own axes count then."""

    bottoms = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.bias_param
        self.spread = spread(self, p, shapes)
        if len(shapes) == 1:
            self.add_blob(run_of_axes(self, p, shapes), p.filler)
        return shapes[:1]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        bias = bottoms[1] if len(bottoms) > 1 else self.blobs[0]
        return [bottoms[0] + bias.reshape(self.spread).to(bottoms[0].dtype)]


class Scale(Layer):
    """x * factor, with bias_term + bias. Both lie along `num_axes` axes (-1: all the rest) of the bottom from `axis` on. The
    factor is a weight (which begins at 1), or bottom 2, whose own axes count then; the bias is always a weight."""

    bottoms = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.scale_param
        self.spread = spread(self, p, shapes)
        if len(shapes) == 1:
            self.add_blob(run_of_axes(self, p, shapes), p.filler if p.HasField("filler") else FillerParameter(value=1))
        if p.bias_term:
            self.add_blob(run_of_axes(self, p, shapes), p.bias_filler)
        return shapes[:1]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x, p = bottoms[0], self.param.scale_param
        if len(bottoms) == 1 and x.dim() > 1 and self.spread == (x.shape[1], *[1] * (x.dim() - 2)):
            # A factor for each channel is BatchNorm with mean 0 and variance 1, whose backward is one pass, not three.
            bias, zeros = self.blobs[1] if p.bias_term else None, torch.zeros_like(self.blobs[0])
            return [torch.batch_norm(x, self.blobs[0], bias, zeros, zeros + 1, False, 0, 0, False)]
        factor = (bottoms[1] if len(bottoms) > 1 else self.blobs[0]).reshape(self.spread).to(x.dtype)
        if not p.bias_term:
            return [x * factor]
        return [torch.addcmul(self.blobs[-1].reshape(self.spread).to(x.dtype), x, factor)]


def run_of_axes(layer: Layer, p: BiasParameter | ScaleParameter, shapes: list[Shape]) -> Shape:
    """The shape of factor or bias: that of bottom 2, or the axes of bottom 1 that `p` names."""
    if len(shapes) > 1:
        return shapes[1]
    first = layer.axis(p.axis, shapes[0])
    if p.num_axes < -1 or first + p.num_axes > len(shapes[0]):
        raise layer.error(f"axis {p.axis} and num_axes {p.num_axes} do not fit into its bottom {list(shapes[0])}.")
    return shapes[0][first:] if p.num_axes == -1 else shapes[0][first : first + p.num_axes]


def spread(layer: Layer, p: BiasParameter | ScaleParameter, shapes: list[Shape]) -> Shape:
    """The same with 1 for each axis of bottom 1 behind it, so that PyTorch spreads it over bottom 1."""
    run = run_of_axes(layer, p, shapes)
    if not run:  # a single number
        return ()
    first = layer.axis(p.axis, shapes[0])
    if shapes[0][first : first + len(run)] != run:
        raise layer.error(
            f"its second bottom {list(run)} does not fit into the first, {list(shapes[0])}, from axis {first} on."
        )
    return (*run, *[1] * (len(shapes[0]) - first - len(run)))
