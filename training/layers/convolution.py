"""Convolution and what is built like it: Deconvolution, DepthwiseConvolution, Im2col."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.windows import Pair, WindowError, convolution_window

from .base import Layer, Shape, shape_list

_LARGE_WINDOW = 5


@functools.cache
def _has_avx512() -> bool:
    """Whether the processor has AVX512. Without it oneDNN is slow in channels-last where windows overlap much."""
    return "AVX512" in torch.backends.cpu.get_cpu_capability()


class Windowed(Layer):
    """A layer that slides the window of its convolution_param over a bottom of N x C x H x W."""

    def set_window(self, shape: Shape) -> None:
        """Read the window for a bottom of `shape`, and count the places that it takes.

        `extents` are the height and width of the top. `missing` is how many rows and columns of zeros the bottom lacks
        at its end. Raises LayerError for settings that Caffe refuses or that do not fit the bottom.
        """
        try:
            self.window = convolution_window(self.param.convolution_param, shape)
            self.extents, self.missing = self.count_windows((shape[2], shape[3]))
        except WindowError as error:
            raise self.error(str(error)) from error

    def count_windows(self, size: Pair) -> tuple[Pair, Pair]:
        """Return the extents of the top, and what a bottom of `size` lacks at its end."""
        return self.window.fit(size)

    def filled_up(self, bottom: Tensor) -> Tensor:
        """Return the bottom with zeros at its end where it is smaller than the window."""
        down, across = self.missing
        return F.pad(bottom, (0, across, 0, down)) if down or across else bottom


class Convolution(Windowed):
    """Convolve each bottom with the same weights.

    Weights: outputs x (inputs / group) x kernel height x kernel width, then bias.
    Extent of the top: (in + 2 pad - dilation (kernel - 1) - 1) // stride + 1.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.convolution_param
        shape = shapes[0]
        if len(self.param.top) != len(shapes):
            raise self.error(f"has {len(shapes)} bottom and {len(self.param.top)} top blobs; expected as many of both.")
        if any(other != shape for other in shapes):
            raise self.error(f"its bottoms have different shapes: {shape_list(shapes)}.")
        self.set_window(shape)
        inputs, outputs = shape[1], p.num_output
        self.group = self.groups(inputs)
        if not outputs or not self.group or inputs % self.group or outputs % self.group:
            raise self.error(
                f"group {self.group} must divide both its {inputs} input channels and num_output {outputs}."
            )
        self.make_blobs(inputs, outputs)
        return [(shape[0], outputs, *self.extents)] * len(shapes)

    def groups(self, inputs: int) -> int:
        """Return how many groups the channels form."""
        return self.param.convolution_param.group

    def weight_shape(self, inputs: int, outputs: int) -> Shape:
        """Return the shape of the weights in Caffe's files."""
        return (outputs, inputs // self.group, *self.window.kernel)

    @property
    def layout(self) -> torch.memory_format:
        """The layout in memory with which this convolution is fastest; docs/training.md has the figures."""
        dense = max(self.window.kernel) >= _LARGE_WINDOW and self.window.stride == (1, 1)
        if dense and self.context.device.type == "cpu" and not _has_avx512():
            return torch.contiguous_format
        return torch.channels_last

    @functools.cached_property
    def is_faster_in_fp32(self) -> bool:
        """Whether a training in bf16 had better compute this convolution in fp32; docs/training.md has the figures."""
        w = self.window
        channelwise = self.group > 1 and self.blobs[0].shape[1] == 1
        common = (w.kernel, w.stride, w.dilation) == ((3, 3), (1, 1), (1, 1))
        return channelwise and not common and self.context.device.type == "cpu"

    def make_blobs(self, inputs: int, outputs: int) -> None:
        """Make weights and bias, filled as the prototxt says."""
        p = self.param.convolution_param
        self.add_blob(self.weight_shape(inputs, outputs), p.weight_filler)
        # The weight has the layout from the start, which saves a reordering at each call.
        weight = self.blobs[0].detach().contiguous(memory_format=self.layout)
        self.blobs[0] = weight.requires_grad_(self.context.training)
        if p.bias_term:
            self.add_blob((outputs,), p.bias_filler)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        filled = [self.filled_up(x) for x in bottoms]
        if self.layout is torch.contiguous_format:
            # PyTorch would take channels-last if the bottom had it.
            filled = [x.contiguous() for x in filled]
        if torch.is_autocast_enabled("cpu") and self.is_faster_in_fp32:
            dtype = torch.get_autocast_dtype("cpu")
            with torch.autocast("cpu", enabled=False):
                return [self.convolve(x.float()).to(dtype) for x in filled]
        return [self.convolve(x) for x in filled]

    def convolve(self, bottom: Tensor) -> Tensor:
        """Return the top of one bottom."""
        weight, bias = self.blobs[0], self.blobs[1] if len(self.blobs) > 1 else None
        w = self.window
        return F.conv2d(bottom, weight, bias, w.stride, w.pad, w.dilation, self.group)


class DepthwiseConvolution(Convolution):
    """Convolve each channel by itself (group = channels); from forks, where it is also called ConvolutionDepthwise."""

    def groups(self, inputs: int) -> int:
        group = self.param.convolution_param.group
        if group not in (1, inputs):
            raise self.error(f"group is {group}; expected {inputs}, its number of input channels. Or leave group out.")
        return inputs


class Deconvolution(Convolution):
    """Run a convolution backwards: each number of the bottom adds to a window of the top.

    Weights: inputs x (outputs / group) x kernel height x kernel width, then bias.
    Extent of the top: stride (in - 1) + dilation (kernel - 1) + 1 - 2 pad.
    """

    def count_windows(self, size: Pair) -> tuple[Pair, Pair]:
        return self.window.transposed(size), (0, 0)

    def weight_shape(self, inputs: int, outputs: int) -> Shape:
        return (inputs, outputs // self.group, *self.window.kernel)

    def convolve(self, bottom: Tensor) -> Tensor:
        weight, bias = self.blobs[0], self.blobs[1] if len(self.blobs) > 1 else None
        w = self.window
        return F.conv_transpose2d(bottom, weight, bias, w.stride, w.pad, 0, self.group, w.dilation)


class Im2col(Windowed):
    """Make channels of the numbers under each window: N x (C * kernel height * kernel width) x height x width."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        self.set_window(shapes[0])
        channels = shapes[0][1] * self.window.kernel[0] * self.window.kernel[1]
        self.top_shape = (shapes[0][0], channels, *self.extents)
        return [self.top_shape]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        w = self.window
        columns = F.unfold(self.filled_up(bottoms[0]), w.kernel, w.dilation, w.pad, w.stride)
        return [columns.reshape(self.top_shape)]
