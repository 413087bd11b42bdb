"""pycaffe's Detector: classifies windows of pictures, as R-CNN does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST

from .errors import PycaffeRuntimeError, PycaffeValueError
from .io import load_image, make_transformer, resize_image
from .net import Net

Windows = Iterable[tuple[str, Sequence[Sequence[float]]]]
"""Names of picture files, each with its windows: ymin, xmin, ymax, xmax."""


class Detector(Net):
    """A net of phase TEST that is shown windows of pictures.

    `mean`, `input_scale`, `raw_scale` and `channel_swap` are as in io.Transformer. With `context_pad` so many pixels at each side
    of the input show what surrounds the window; where that lies outside the picture, they show the mean.
    """

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        shape = self.blobs[self.inputs[0]].shape
        self.transformer = make_transformer(self.inputs[0], shape, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: int | None) -> None:
        """Set how many pixels at each side show the surroundings of a window."""
        name = self.inputs[0]
        shape = self.blobs[name].shape
        self.context_pad = context_pad
        self.crop_dims = np.array([*shape[2:], shape[1]])
        # The picture that becomes 0 in the net.
        empty = np.zeros((1, *shape[1:]), np.float32)
        self.crop_mean = np.broadcast_to(self.transformer.deprocess(name, empty), tuple(self.crop_dims))

    def detect_windows(self, images_windows: Windows) -> list[dict[str, Any]]:
        """Return a dictionary for each window: `filename`, `window`, and `prediction`, the net's first output."""
        found: list[dict[str, Any]] = []
        crops = []
        for filename, windows in images_windows:
            picture = load_image(filename)
            for window in windows:
                crops.append(self.transformer.preprocess(self.inputs[0], self.crop(picture, window)))
                found.append({"window": window, "filename": filename})
        if not crops:
            return found
        predictions = self.forward_all((), **{self.inputs[0]: np.stack(crops)})[self.outputs[0]]
        for each, prediction in zip(found, predictions, strict=True):
            each["prediction"] = prediction
        return found

    def detect_selective_search(self, image_fnames: Sequence[str]) -> list[dict[str, Any]]:
        """Raise PycaffeRuntimeError: the proposals are another program's. Give its windows to detect_windows."""
        raise PycaffeRuntimeError(
            "detect_selective_search: there is no selective search here. Compute the windows with it, and call detect_windows."
        )

    def crop(self, im: Array, window: Sequence[float]) -> Array:
        """Cut a window out of a picture H x W x K; with `context_pad` in the size of the net's input, with its surroundings."""
        top, left, bottom, right = (float(number) for number in window)
        if not self.context_pad:
            return im[int(top) : int(bottom), int(left) : int(right)]
        size = int(self.crop_dims[0])
        inner = size - 2 * self.context_pad
        if inner < 1 or size != self.crop_dims[1]:
            raise PycaffeValueError(
                f"context_pad {self.context_pad}: the net's input of {size}x{self.crop_dims[1]} must be a square, and larger "
                "than twice context_pad."
            )
        rows = _Span.of(top, bottom, size / inner, size, im.shape[0])
        columns = _Span.of(left, right, size / inner, size, im.shape[1])
        cut = im[rows.first : rows.last, columns.first : columns.last]
        result = np.array(self.crop_mean, np.float32)
        part = resize_image(cut, (rows.size, columns.size))
        result[rows.start : rows.start + rows.size, columns.start : columns.start + columns.size] = part
        return result


class _Span:
    """One axis of a window with its surroundings: pixels `first` to `last` of the picture fill `size` pixels from `start` on."""

    def __init__(self, first: int, last: int, start: int, size: int) -> None:
        self.first = first
        self.last = last
        self.start = start
        self.size = size

    @classmethod
    def of(cls, low: float, high: float, scale: float, size: int, length: int) -> _Span:
        """Widen a window by `scale` about its middle, and fit it into an input of `size` and a picture of `length` pixels."""
        half = (high - low + 1) / 2
        wide: npt.NDArray[np.float64] = np.round(low + half + scale * np.array([-half, half]))
        factor = size / (wide[1] - wide[0] + 1)
        start = round(max(0.0, -wide[0]) * factor)
        first, last = np.clip(wide, 0, length)
        filled = round((last - first + 1) * factor)
        return cls(int(first), int(last), start, max(1, min(filled, size - start)))
