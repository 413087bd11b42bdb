"""WindowData: windows cut out of pictures, as R-CNN samples them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.mean import read_mean
from common.commands import LOGGER
from common.errors import PictureError
from common.messages import shape_text

from ..base import Shape
from .picture_file import decode_file
from .source import Batches
from .window_file import FloatArray, Windows, read_windows

_CHANNELS = 3


class Place(NamedTuple):
    """Where a window goes: the box in the picture (both ends inside), the size that it is warped to, its corner in the crop."""

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int
    crop_left: int
    crop_top: int


class WindowData(Batches):
    """Draw windows from those that `source` lists (window_file.py): first background, then foreground.

    Of a batch, fg_fraction (rounded down) are drawn from the windows that overlap an object by at least fg_threshold; the
    others, with label 0, from those below bg_threshold. Each window is as likely as any other of its kind, and may come again.
    A window is widened by context_pad pixels of the crop on each side (crop_mode: "square": to a square first), warped to
    crop_size, flipped half of the time with `mirror`, and becomes (pixel - mean) * scale. What sticks out of the picture is 0.

    As in Caffe, `scale` is that of window_data_param, and a mean_file larger than the crop counts from its centre. Pictures are
    read when they are needed, with cache_images too. Draws depend only on the seed and the number of the batch.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, t = self.param.window_data_param, self.param.transform_param
        if not p.batch_size:
            raise self.error("needs a batch_size of at least 1.")
        if not t.crop_size:
            raise self.error("needs a crop_size in transform_param, the size to which windows are warped.")
        if 2 * p.context_pad >= t.crop_size:
            raise self.error(f"has context_pad {p.context_pad}; expected less than half of crop_size {t.crop_size}.")
        if t.scale != 1:
            logging.getLogger(LOGGER).warning(
                'layer "%s": as in Caffe, WindowData ignores the scale %g of transform_param. Write it into window_data_param.',
                *(self.name, t.scale),
            )
        self.source = p.source
        self._windows = self._read()
        self._mean = self._read_mean()
        return [(p.batch_size, _CHANNELS, t.crop_size, t.crop_size), (p.batch_size,)]

    def make(self, batch: int) -> Sequence[Tensor]:
        p, t = self.param.window_data_param, self.param.transform_param
        random = np.random.default_rng((self.context.seed, self.context.batch(batch)))
        foreground = int(np.float32(p.batch_size) * np.float32(p.fg_fraction))
        kinds = [(self._windows.background, p.batch_size - foreground), (self._windows.foreground, foreground)]
        pictures = np.zeros((p.batch_size, _CHANNELS, t.crop_size, t.crop_size), np.float32)
        labels = np.zeros(p.batch_size, np.float32)
        item = 0
        for windows, count in kinds:
            for _ in range(count):
                window = windows[random.integers(len(windows))]
                self._fill(pictures[item], window, t.mirror and bool(random.integers(2)))
                labels[item] = window[1]
                item += 1
        return torch.from_numpy(pictures), torch.from_numpy(labels)

    def _fill(self, out: FloatArray, window: FloatArray, flip: bool) -> None:
        """Write a window into `out`, channels x crop x crop zeros."""
        import cv2

        p = self.param.window_data_param
        path = self._windows.pictures[int(window[0])]
        box = [int(value) for value in window[2:]]
        name = f"{p.source}, window {' '.join(map(str, box))} of {path}"
        try:
            picture = decode_file(path, cv2.IMREAD_COLOR)
        except PictureError as error:
            raise self.error(f"{name}: {error}. Correct the file, or root_folder (now {p.root_folder!r}).") from error
        rows, columns = picture.shape[:2]
        square = p.crop_mode == "square"
        place = find_place(box, (rows, columns), self.param.transform_param.crop_size, p.context_pad, square, flip)
        left, top, right, bottom, width, height, crop_left, crop_top = place
        if not (0 <= left <= right < columns and 0 <= top <= bottom < rows):
            raise self.error(
                f"{name}: is not inside the picture, which is {shape_text((rows, columns))} (height x width)."
            )
        if width < 1 or height < 1:
            raise self.error(f"{name}: so little of it is inside the picture that less than a pixel is left.")
        warped = cv2.resize(
            picture[top : bottom + 1, left : right + 1], (width, height), interpolation=cv2.INTER_LINEAR
        )
        pixels = np.asarray(warped[:, ::-1] if flip else warped, np.float32).transpose(2, 0, 1)
        part = (slice(None), slice(crop_top, crop_top + height), slice(crop_left, crop_left + width))
        mean = self._mean if self._mean.shape[1] == 1 else self._mean[part]
        out[part] = (pixels - mean) * np.float32(p.scale)

    def _read(self) -> Windows:
        p = self.param.window_data_param
        try:
            windows = read_windows(p.source, p.root_folder, p.fg_threshold, p.bg_threshold)
        except OSError as error:
            raise self.error(f'its source "{p.source}" cannot be read ({error.strerror}).') from error
        except ValueError as error:
            raise self.error(f"{p.source}: {error}") from error
        for kind, found in (("foreground", windows.foreground), ("background", windows.background)):
            if not len(found):
                raise self.error(
                    f"{p.source}: has no {kind} window with fg_threshold {p.fg_threshold:g} and bg_threshold "
                    f"{p.bg_threshold:g}; a batch needs both kinds."
                )
        return windows

    def _read_mean(self) -> npt.NDArray[np.float32]:
        """Return the mean of each pixel of a crop, or of each channel."""
        t = self.param.transform_param
        if t.HasField("mean_file") and t.mean_value:
            raise self.error("transform_param has both mean_file and mean_value; write one of them.")
        if not t.HasField("mean_file"):
            if len(t.mean_value) not in (0, 1, _CHANNELS):
                raise self.error(f"has {len(t.mean_value)} mean_value; expected one, or one for each of 3 channels.")
            return np.array(list(t.mean_value) or [0.0], np.float32).reshape(-1, 1, 1)
        mean = np.asarray(read_mean(t.mean_file), np.float32)
        # Caffe takes the width's middle for rows as well.
        start = (mean.shape[2] - t.crop_size) // 2
        if len(mean) != _CHANNELS or start < 0 or start + t.crop_size > mean.shape[1]:
            raise self.error(
                f"{t.mean_file}: the mean is {shape_text(mean.shape)} (channels x height x width), too small for windows of "
                f"{_CHANNELS}x{t.crop_size}x{t.crop_size}."
            )
        return mean[:, start : start + t.crop_size, start : start + t.crop_size]


def find_place(
    box: Sequence[int], size: tuple[int, int], crop: int, context_pad: int, square: bool, flip: bool
) -> Place:
    """Return where the window `box` (left, top, right, bottom) of a picture of `size` (height, width) goes.

    The numbers are Caffe's, computed in float32. The box may stick out of the picture if nothing widens it.
    """
    left, top, right, bottom = box
    if not context_pad and not square:
        return Place(left, top, right, bottom, crop, crop, 0, 0)
    one = np.float32
    scale = one(crop) / one(crop - 2 * context_pad)
    half_height = one((bottom - top + 1) / 2)
    half_width = one((right - left + 1) / 2)
    x, y = one(left) + half_width, one(top) + half_height
    if square:
        half_height = half_width = max(half_height, half_width)
    left, right = _round(x - half_width * scale), _round(x + half_width * scale)
    top, bottom = _round(y - half_height * scale), _round(y + half_height * scale)
    # What sticks out on each side is cut off, and its share of the crop stays empty.
    out_left, out_right = max(0, -left), max(0, right - size[1] + 1)
    out_top, out_bottom = max(0, -top), max(0, bottom - size[0] + 1)
    scale_x, scale_y = one(crop) / one(right - left + 1), one(crop) / one(bottom - top + 1)
    left, right = left + out_left, right - out_right
    top, bottom = top + out_top, bottom - out_bottom
    crop_left = _round(one(out_right if flip else out_left) * scale_x)
    crop_top = _round(one(out_top) * scale_y)
    width = min(_round(one(right - left + 1) * scale_x), crop - crop_left)
    height = min(_round(one(bottom - top + 1) * scale_y), crop - crop_top)
    return Place(left, top, right, bottom, width, height, crop_left, crop_top)


def _round(value: np.float32) -> int:
    """Round as C does: halves away from zero."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))
