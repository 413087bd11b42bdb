"""MemoryData: arrays that the caller gives once, batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.mean import read_mean
from common.commands import LOGGER

from ..base import Shape
from .source import Source


class MemoryData(Source):
    """Top 1: batch_size x channels x height x width; top 2: the labels. `set_arrays` gives the data, untransformed; after
    the last batch comes the first again."""

    tops = (2, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.memory_data_param
        self._shape = (p.batch_size, p.channels, p.height, p.width)
        if not all(self._shape):
            raise self.error("needs batch_size, channels, height and width, each at least 1.")
        self._check_transform()
        self._next_batch = 0
        self._arrays: list[Tensor] = []
        return [self._shape, self._shape[:1]]

    def _check_transform(self) -> None:
        """Caffe refuses the same settings, and then applies none of them to arrays."""
        t = self.param.transform_param
        if t.mean_file and t.mean_value:
            raise self.error("transform_param has both mean_file and mean_value; Caffe takes one of them.")
        if t.mean_file:
            read_mean(t.mean_file)
        if fields := ", ".join(field.name for field, _ in t.ListFields()):
            logging.getLogger(LOGGER).warning(
                'layer "%s": the arrays that it is given are taken as they are; nothing is done of transform_param (%s).',
                *(self.name, fields),
            )

    def set_arrays(self, data: npt.ArrayLike, labels: npt.ArrayLike) -> None:
        """Take N pictures (N x channels x height x width) and N labels; N is a multiple of batch_size.

        Raises LayerError for arrays that do not fit. The arrays are used in place if they are float32.
        """
        pictures, numbers = np.asarray(data, np.float32), np.asarray(labels, np.float32).reshape(-1)
        size = self._shape[0]
        if pictures.shape[1:] != self._shape[1:]:
            raise self.error(f"was given pictures {list(pictures.shape)}; wanted N x {list(self._shape[1:])}.")
        if not len(pictures) or len(pictures) % size:
            raise self.error(f"was given {len(pictures)} pictures; wanted a multiple of batch_size {size}.")
        if len(numbers) != len(pictures):
            raise self.error(f"was given {len(pictures)} pictures and {len(numbers)} labels; wanted as many of both.")
        self._arrays = [torch.from_numpy(pictures), torch.from_numpy(numbers)]
        self._next_batch = 0

    def seek(self, batch: int) -> None:
        self._next_batch = batch

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if not self._arrays:
            raise self.error(
                "has no data: call set_input_arrays(data, labels), or feed its tops, before running the net."
            )
        size, (pictures, labels) = self._shape[0], self._arrays
        first = self.context.batch(self._next_batch) * size % len(pictures)
        self._next_batch += 1
        return [values[first : first + size].to(self.context.device) for values in (pictures, labels)]
