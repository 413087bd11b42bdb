"""Convolution and what is built like it: Deconvolution, DepthwiseConvolution, Im2col."""

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
        self.window = Window(self, shape)
        inputs, outputs = shape[1], p.num_output
        self.group = self.groups(inputs)
        if not outputs or not self.group or inputs % self.group or outputs % self.group:
            raise self.error(f"group {self.group} must divide its {inputs} input channels and num_output {outputs}.")
        extents = self.extents(shape)
        self.make_blobs(inputs, outputs)
        return [(shape[0], outputs, *extents)] * len(shapes)

    def groups(self, inputs: int) -> int:
        """How many groups the channels fall into."""
        return self.param.convolution_param.group

    def extents(self, shape: Shape) -> tuple[int, int]:
        """Height and width of the top."""
        return self.window.extents(shape)

    def weight_shape(self, inputs: int, outputs: int) -> Shape:
        """The shape of the weights in Caffe's files."""
        return (outputs, inputs // self.group, *self.window.kernel)

    def make_blobs(self, inputs: int, outputs: int) -> None:
        """Weights and bias, filled as the prototxt says."""
        p = self.param.convolution_param
        self.add_blob(self.weight_shape(inputs, outputs), p.weight_filler)
        # The layout that oneDNN's kernels want, of blobs and weights alike, saves a reordering at each call.
        weight = self.blobs[0].detach().contiguous(memory_format=torch.channels_last)
        self.blobs[0] = weight.requires_grad_(self.context.training)
        if p.bias_term:
            self.add_blob((outputs,), p.bias_filler)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        weight, bias, w = self.blobs[0], self.blobs[1] if len(self.blobs) > 1 else None, self.window
        return [F.conv2d(x, weight, bias, w.stride, w.pad, w.dilation, self.group) for x in map(w.fit, bottoms)]


class DepthwiseConvolution(Convolution):
    """Convolution of each channel by itself (group = channels); from forks, there also called ConvolutionDepthwise."""

    def groups(self, inputs: int) -> int:
        group = self.param.convolution_param.group
        if group not in (1, inputs):
            raise self.error(f"group is {group}; wanted {inputs}, its number of input channels, or nothing.")
        return inputs


class Deconvolution(Convolution):
    """Convolution the other way round: each number of the bottom is spread over a window of the top.
    Weights: inputs x (outputs / group) x kernel height x kernel width, then bias.
    Extent: stride (in - 1) + dilation (kernel - 1) + 1 - 2 pad."""

    def extents(self, shape: Shape) -> tuple[int, int]:
        w = self.window
        height, width = (
            stride * (size - 1) + dilation * (kernel - 1) + 1 - 2 * pad
            for size, kernel, stride, pad, dilation in zip(
                shape[2:], w.kernel, w.stride, w.pad, w.dilation, strict=True
            )
        )
        if min(height, width) < 1:
            raise self.error(f"pad {w.pad} leaves nothing of its top: it would be {height} x {width}.")
        return height, width

    def weight_shape(self, inputs: int, outputs: int) -> Shape:
        return (inputs, outputs // self.group, *self.window.kernel)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        weight, bias, w = self.blobs[0], self.blobs[1] if len(self.blobs) > 1 else None, self.window
        return [F.conv_transpose2d(x, weight, bias, w.stride, w.pad, 0, self.group, w.dilation) for x in bottoms]


class Im2col(Layer):
    """The numbers under each window as channels: N x (C * kernel height * kernel width) x height x width."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.window = Window(self, shapes[0])
        channels = shapes[0][1] * self.window.kernel[0] * self.window.kernel[1]
        self.behind = (shapes[0][0], channels, *self.window.extents(shapes[0]))
        return [self.behind]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        w = self.window
        return [F.unfold(w.fit(bottoms[0]), w.kernel, w.dilation, w.pad, w.stride).reshape(self.behind)]


class Window:
    """Kernel, stride, pad and dilation of a convolution_param, each (height, width)."""

    def __init__(self, layer: Layer, shape: Shape) -> None:
        """Raises LayerError for settings that cannot be, or that are not for N x C x H x W."""
        if len(shape) != 4 or layer.axis(layer.param.convolution_param.axis, shape) != 1:
            raise layer.error(f"wants a bottom of 4 axes (N x C x H x W) with channels at axis 1; found {list(shape)}.")
        self._layer = layer
        self.kernel = self._pair("kernel_size", "kernel")
        self.stride = self._pair("stride", "stride", default=1)
        self.pad = self._pair("pad", "pad", default=0, least=0)
        dilation = list(layer.param.convolution_param.dilation) or [1]
        if len(dilation) > 2 or min(dilation) < 1:
            raise layer.error(f"dilation is {dilation}; wanted one or two numbers of at least 1.")
        self.dilation = (dilation[0], dilation[-1])
        self._missing = (0, 0)

    def extents(self, shape: Shape) -> tuple[int, int]:
        """How many windows there are, down and across."""
        room = [
            size + 2 * pad - dilation * (kernel - 1) - 1
            for size, kernel, pad, dilation in zip(shape[2:], self.kernel, self.pad, self.dilation, strict=True)
        ]
        if any(r <= -stride for r, stride in zip(room, self.stride, strict=True)):
            raise self._layer.error(f"kernel {self.kernel} is larger than its padded bottom {list(shape)}.")
        # A window that the bottom is too small for, by less than a stride, Caffe fills up with 0 at the end.
        self._missing = (max(0, -room[0]), max(0, -room[1]))
        return max(0, room[0]) // self.stride[0] + 1, max(0, room[1]) // self.stride[1] + 1

    def fit(self, bottom: Tensor) -> Tensor:
        """The bottom, filled up at its end where a window is larger."""
        return F.pad(bottom, (0, self._missing[1], 0, self._missing[0])) if any(self._missing) else bottom

    def _pair(self, repeated: str, stem: str, default: int | None = None, least: int = 1) -> tuple[int, int]:
        """A setting that may be written once, twice (repeated) or as stem_h and stem_w."""
        p = self._layer.param.convolution_param
        values = list(getattr(p, repeated))
        if p.HasField(f"{stem}_h") or p.HasField(f"{stem}_w"):  # type: ignore[arg-type]  # they exist for every stem
            if values:
                raise self._layer.error(f"has both {repeated} and {stem}_h/{stem}_w; write one of them.")
            values = [getattr(p, f"{stem}_h"), getattr(p, f"{stem}_w")]
        elif not values and default is not None:
            values = [default]
        if len(values) not in (1, 2) or min(values) < least:
            raise self._layer.error(
                f"{repeated} is {values or 'missing'}; wanted one or two numbers of at least {least}."
            )
        return values[0], values[-1]
