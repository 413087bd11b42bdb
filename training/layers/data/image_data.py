"""ImageData: pictures from the files that a list names, with their labels."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from torch import Tensor

from caffe_io.text.picture_list import ONE_LABEL, has_labels, read_list_text
from common.commands import LOGGER
from common.errors import PictureError
from common.pictures.header import most_pixels

from ..base import Shape
from .picture_file import decode_file
from .source import Picture, Pictures

_LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,10})(?![0-9])")


class ImageData(Pictures):
    """Read the pictures of `source`, lines of "path label", in the order of the lines, and start again after the last.

    root_folder is prefixed to each path as it is. A picture is decoded as convert_imageset does (docs/pictures.md), but as in
    Caffe the missing part of a truncated JPEG becomes grey. With new_height and new_width all pictures are resized to that size
    (bilinear). They are read with three channels, with is_color: false with one.

    With `shuffle` each pass through the list has its own order, drawn from (seed, pass). rand_skip skips a number of
    pictures below it at the very beginning, drawn from the seed. Both depend only on the seed and the number of the
    batch, so that a resumed training continues exactly.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.image_data_param
        if bool(p.new_height) != bool(p.new_width):
            raise self.error(f"has new_height {p.new_height} and new_width {p.new_width}; expected both, or neither.")
        if p.new_height * p.new_width > most_pixels():
            raise self.error(
                f"has new_height {p.new_height} and new_width {p.new_width}; at most {most_pixels()} pixels."
            )
        self.source = p.source
        self._lines = self._read_list()
        self._first = 0
        if p.rand_skip:
            self._first = int(np.random.default_rng((self.context.seed, p.rand_skip)).integers(p.rand_skip))
            if self._first >= len(self._lines):
                raise self.error(
                    f"rand_skip drew {self._first}, but {p.source} has {len(self._lines)} lines. Write a smaller rand_skip."
                )
        self._order = lru_cache(2)(self._draw_order)
        return self.top_shapes(p.batch_size, self._read(self._position(0))[0].shape)

    def make(self, batch: int) -> Sequence[Tensor]:
        size = self.param.image_data_param.batch_size
        first = self.context.batch(batch) * size
        return self.batch(batch, [self._read(self._position(first + index)) for index in range(size)])

    def _position(self, number: int) -> int:
        """Return the line, counted from 0, of the picture with this number, counted from the start of training."""
        passes, index = divmod(self._first + number, len(self._lines))
        return int(self._order(passes)[index])

    def _draw_order(self, passes: int) -> npt.NDArray[np.int64]:
        if not self.param.image_data_param.shuffle:
            return np.arange(len(self._lines))
        return np.random.default_rng((self.context.seed, passes, 1)).permutation(len(self._lines))

    def _read(self, line: int) -> tuple[Picture, int, str]:
        import cv2

        p = self.param.image_data_param
        path, label = self._lines[line]
        name = f"{p.source}, line {line + 1}: {p.root_folder}{path}"
        try:
            picture = decode_file(p.root_folder + path, cv2.IMREAD_COLOR if p.is_color else cv2.IMREAD_GRAYSCALE)
        except PictureError as error:
            several = f" {ONE_LABEL}" if has_labels(path) else ""
            raise self.error(
                f"{name}: {error}. Correct the list, or root_folder (now {p.root_folder!r}).{several}"
            ) from error
        if p.new_height:
            picture = np.asarray(cv2.resize(picture, (p.new_width, p.new_height)), np.uint8)
        return np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1)), label, name

    def _read_list(self) -> list[tuple[str, int]]:
        """Read paths and labels. As in Caffe, the label is the number after the last space, and 0 if there is none."""
        try:
            text = read_list_text(self.source)
        except OSError as error:
            raise self.error(f'its source "{self.source}" cannot be read ({error.strerror}).') from error
        lines: list[tuple[str, int]] = []
        cut = 0
        for number, line in enumerate(text.rstrip().split("\n"), 1):
            path, space, label = line.rstrip("\r").rpartition(" ")
            if not space:
                path, label = label, ""
            if not path:
                raise self.error(f"{self.source}, line {number}: {line!r} names no picture; expected `path label`.")
            integer = _LEADING_INTEGER.match(label)
            cut += bool(label) and (integer is None or integer.end() < len(label))
            lines.append((path, int(integer[1]) if integer else 0))
        if cut:
            logging.getLogger(LOGGER).warning(
                "%s: %d of %d labels are no whole numbers. As Caffe does, only the whole number that they begin with is "
                "read, or 0. %s",
                self.source,
                cut,
                len(lines),
                ONE_LABEL,
            )
        return lines
