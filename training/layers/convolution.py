"""Convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Layer, Shape


class Convolution(Layer):
    """Weights: outputs x (inputs / group) x kernel height x kernel width, then bias.
    Extent: (in + 2 pad - dilation (kernel - 1) - 1) // stride + 1."""

    bottoms = (1, None)
    tops = (1, None)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.convolution_param
        shape = shapes[0]
        if len(self.param.top) != len(shapes):
            raise self.error(f"has {len(shapes)} bottom and {len(self.param.top)} top blobs; wanted as many of both.")
        if any(other != shape for other in shapes):
            raise self.error(f"its bottoms have different shapes: {', '.join(str(list(s)) for s in shapes)}.")
        if len(shape) != 4 or self.axis(p.axis, shape) != 1:
            raise self.error(f"wants a bottom of 4 axes (N x C x H x W) with channels at axis 1; found {list(shape)}.")
        self.kernel = pair(self, "kernel_size", "kernel")
        self.stride = pair(self, "stride", "stride", default=1)
        self.pad = pair(self, "pad", "pad", default=0, least=0)
        dilation = list(p.dilation) or [1]
        if len(dilation) > 2 or min(dilation) < 1:
            raise self.error(f"dilation is {dilation}; wanted one or two numbers of at least 1.")
        self.dilation = (dilation[0], dilation[-1])
        self.group = p.group
        inputs, outputs = shape[1], p.num_output
        if not outputs or not self.group or inputs % self.group or outputs % self.group:
            raise self.error(f"group {self.group} must divide its {inputs} input channels and num_output {outputs}.")
        extents = tuple(map(self._extent, shape[2:], self.kernel, self.stride, self.pad, self.dilation))
        if min(extents) < 1:
            raise self.error(f"kernel {self.kernel} is larger than its padded bottom {list(shape)}.")
        self.make_blobs(inputs, outputs)
        return [(shape[0], outputs, *extents)] * len(shapes)

    def make_blobs(self, inputs: int, outputs: int) -> None:
        """Weights and bias, filled as the prototxt says."""
        p = self.param.convolution_param
        self.add_blob((outputs, inputs // self.group, *self.kernel), p.weight_filler)
        # The layout that oneDNN's kernels want, of blobs and weights alike, saves a reordering at each call.
        weight = self.blobs[0].detach().contiguous(memory_format=torch.channels_last)
        self.blobs[0] = weight.requires_grad_(self.context.training)
        if p.bias_term:
            self.add_blob((outputs,), p.bias_filler)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        weight, bias = self.blobs[0], self.blobs[1] if len(self.blobs) > 1 else None
        return [F.conv2d(x, weight, bias, self.stride, self.pad, self.dilation, self.group) for x in bottoms]

    @staticmethod
    def _extent(size: int, kernel: int, stride: int, pad: int, dilation: int) -> int:
        return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def pair(layer: Layer, repeated: str, stem: str, default: int | None = None, least: int = 1) -> tuple[int, int]:
    """(height, width) of a setting that may be written once, twice (repeated) or as stem_h and stem_w."""
    p = layer.param.convolution_param
    values = list(getattr(p, repeated))
    if p.HasField(f"{stem}_h") or p.HasField(f"{stem}_w"):  # type: ignore[arg-type]  # the fields exist for every stem
        if values:
            raise layer.error(f"has both {repeated} and {stem}_h/{stem}_w; write one of them.")
        values = [getattr(p, f"{stem}_h"), getattr(p, f"{stem}_w")]
    elif not values and default is not None:
        values = [default]
    if len(values) not in (1, 2) or min(values) < least:
        raise layer.error(f"{repeated} is {values or 'missing'}; wanted one or two numbers of at least {least}.")
    return values[0], values[-1]
