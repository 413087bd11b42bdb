"""Kernel, stride, pad and dilation as a prototxt gives them, and how many windows fit into a blob.

Convolution's rule rounds the number of windows down, Pooling's rounds it up. Sizes and settings are (height, width).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.messages import shape_text

from .caffe_pb2 import ConvolutionParameter, LayerParameter, PoolingParameter

Pair = tuple[int, int]


_LARGEST = 2**31 - 1
"""Caffe counts in int: with more, its number of windows is any number."""


class WindowError(ValueError):
    """Settings that contradict each other or do not fit the bottom; the caller adds which layer has them."""


@dataclass(frozen=True)
class ConvolutionWindow:
    """The window of Convolution, Deconvolution and Im2col."""

    kernel: Pair
    stride: Pair
    pad: Pair
    dilation: Pair

    def fit(self, size: Sequence[int]) -> tuple[Pair, Pair]:
        """How many windows fit into a bottom of `size`, and how many rows and columns of zeros its end lacks.

        If the window is larger than the padded bottom, but by less than a stride, Caffe fills the bottom up with zeros.
        Raises WindowError if it is larger by more.
        """
        axes = zip(size, self.kernel, self.stride, self.pad, self.dilation, strict=True)
        counts, missing = [], []
        for extent, kernel, stride, pad, dilation in axes:
            room = extent + 2 * pad - dilation * (kernel - 1) - 1
            if room <= -stride:
                raise WindowError(
                    f"kernel {shape_text(self.kernel)} is larger than its bottom of {shape_text(size)} "
                    f"with pad {shape_text(self.pad)}."
                )
            counts.append(max(0, room) // stride + 1)
            missing.append(max(0, -room))
        return (counts[0], counts[1]), (missing[0], missing[1])

    def transposed(self, size: Sequence[int]) -> Pair:
        """The height and width that Deconvolution makes of a bottom of `size`.

        Raises WindowError if the padding leaves nothing of it.
        """
        axes = zip(size, self.kernel, self.stride, self.pad, self.dilation, strict=True)
        height, width = (
            stride * (extent - 1) + dilation * (kernel - 1) + 1 - 2 * pad
            for extent, kernel, stride, pad, dilation in axes
        )
        if min(height, width) < 1:
            raise WindowError(f"pad {shape_text(self.pad)} leaves nothing of its top: it would be {height} x {width}.")
        return height, width


@dataclass(frozen=True)
class PoolingWindow:
    """The window of Pooling, and how many of them there are."""

    kernel: Pair
    stride: Pair
    pad: Pair
    counts: Pair

    @property
    def padded(self) -> bool:
        """Whether any side is padded."""
        return any(self.pad)

    @property
    def starts(self) -> Pair:
        """The row and column at which the last window begins; 0 is the first row of the padding."""
        return (self.counts[0] - 1) * self.stride[0], (self.counts[1] - 1) * self.stride[1]

    def outside(self, size: Sequence[int]) -> tuple[bool, bool]:
        """Whether the last window down, and across, lies outside a bottom of `size`: only without padding."""
        down, across = (start >= extent + pad for start, extent, pad in zip(self.starts, size, self.pad, strict=True))
        return down, across


def convolution_window(param: ConvolutionParameter, shape: Sequence[int]) -> ConvolutionWindow:
    """The window of a convolution_param for a bottom of `shape`.

    Raises WindowError for settings that Caffe refuses and for other blobs than N x C x H x W with channels at axis 1.
    """
    if len(shape) != 4 or param.axis not in (1, -3):
        raise WindowError(
            "expected a bottom of 4 axes (N x C x H x W) with channels at axis 1; "
            f"found {shape_text(shape)} and axis {param.axis}."
        )
    return ConvolutionWindow(
        kernel=_repeated(param, "kernel_size", "kernel", None),
        stride=_repeated(param, "stride", "stride", 1),
        pad=_repeated(param, "pad", "pad", 0),
        dilation=_repeated(param, "dilation", "", 1),
    )


def pooling_window(param: PoolingParameter, shape: Sequence[int]) -> PoolingWindow:
    """The window of a pooling_param for a bottom of `shape`, N x C x H x W.

    The number of windows is rounded up (round_mode CEIL). If any side is padded, a last window that would begin in the
    padding at the end is dropped. Where a setting is written twice, as kernel_size and kernel_h, the latter counts:
    pooling_conflict finds that. Raises WindowError for a window that is no window or does not fit.
    """
    if len(shape) != 4:
        raise WindowError(f"expected a bottom of 4 axes (N x C x H x W); found {shape_text(shape)}.")
    size = (shape[2], shape[3])
    stride, pad = _single(param, "stride", "stride"), _single(param, "pad", "pad")
    kernel = size if param.global_pooling else _single(param, "kernel_size", "kernel")
    if min(kernel + stride) < 1:
        raise WindowError(
            f"kernel_size {shape_text(kernel)} and stride {shape_text(stride)} must be at least 1, down and across."
        )
    if pad[0] >= kernel[0] or pad[1] >= kernel[1]:
        raise WindowError(f"pad {shape_text(pad)} must be smaller than the kernel {shape_text(kernel)}.")
    padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
    if max(padded) > _LARGEST:
        raise WindowError(f"pad {shape_text(pad)} makes the bottom {shape_text(padded)}; expected at most {_LARGEST}.")
    if any(pad) and param.pool == PoolingParameter.STOCHASTIC:
        raise WindowError(f"STOCHASTIC pooling takes no pad; found pad {shape_text(pad)}. Only MAX and AVE take one.")
    counts = []
    for extent, k, s, p in zip(size, kernel, stride, pad, strict=True):
        room = extent + 2 * p - k
        count = (room // s if param.round_mode == PoolingParameter.FLOOR else -(-room // s)) + 1
        if any(pad) and (count - 1) * s >= extent + p:
            count -= 1
        counts.append(count)
    if min(counts) < 1:
        raise WindowError(
            f"kernel {shape_text(kernel)} is larger than its bottom of {shape_text(size)} with pad {shape_text(pad)}."
        )
    return PoolingWindow(kernel, stride, pad, (counts[0], counts[1]))


def kernel_and_stride(layer: LayerParameter) -> tuple[Pair, Pair] | None:
    """Read kernel and stride without a bottom, to describe a layer.

    Returns None for layers without windows, for global pooling, and for settings that contradict each other.
    """
    try:
        if layer.type == "Pooling" and not layer.pooling_param.global_pooling:
            pooling = layer.pooling_param
            return _single(pooling, "kernel_size", "kernel"), _single(pooling, "stride", "stride")
        if layer.HasField("convolution_param"):
            convolution = layer.convolution_param
            return _repeated(convolution, "kernel_size", "kernel", None), _repeated(convolution, "stride", "stride", 1)
    except WindowError:
        pass
    return None


def pooling_conflict(param: PoolingParameter) -> str:
    """What Caffe finds contradictory in a pooling_param, as a sentence; empty if nothing is."""
    settings = [("stride", "stride"), ("pad", "pad")]
    if not param.global_pooling:
        settings.append(("kernel_size", "kernel"))
    for both, stem in settings:
        sides = [param.HasField(f"{stem}_{side}") for side in "hw"]  # type: ignore[arg-type]  # every stem has both
        if any(sides) and (param.HasField(both) or not all(sides)):  # type: ignore[arg-type]
            return f"expected {both}, or both {stem}_h and {stem}_w, and no more of them."
    if param.global_pooling:
        kernel_given = param.kernel_size or param.kernel_h or param.kernel_w
        if kernel_given or _single(param, "stride", "stride") != (1, 1) or any(_single(param, "pad", "pad")):
            return "global_pooling takes the whole picture: leave out kernel_size, stride and pad."
    return ""


def _repeated(param: ConvolutionParameter, repeated: str, stem: str, default: int | None) -> Pair:
    """A setting that is written once, twice (repeated), or as stem_h and stem_w."""
    values = list(getattr(param, repeated))
    if stem and (param.HasField(f"{stem}_h") or param.HasField(f"{stem}_w")):  # type: ignore[arg-type]  # every stem has both
        if values:
            raise WindowError(f"has both {repeated} and {stem}_h/{stem}_w; write one of them.")
        values = [getattr(param, f"{stem}_h"), getattr(param, f"{stem}_w")]
    elif not values and default is not None:
        values = [default]
    if not values:
        raise WindowError(f"{repeated} is missing; expected one or two numbers of at least 1.")
    least = 0 if repeated == "pad" else 1
    if len(values) > 2 or min(values) < least:
        found = ", ".join(map(str, values))
        raise WindowError(f"{repeated} is {found}; expected one or two numbers of at least {least}.")
    return values[0], values[-1]


def _single(param: PoolingParameter, both: str, stem: str) -> Pair:
    """A setting that is written once, or as stem_h and stem_w."""
    if param.HasField(f"{stem}_h"):  # type: ignore[arg-type]  # every stem has it
        return getattr(param, f"{stem}_h"), getattr(param, f"{stem}_w")
    return getattr(param, both), getattr(param, both)
