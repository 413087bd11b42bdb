"""MemoryData: arrays that the caller gives once and that are served batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.mean import read_mean
from common.commands import LOGGER
from common.messages import shape_text

from ..base import Shape
from .source import Source


class MemoryData(Source):
    """Serve arrays, untransformed: batch_size x channels x height x width, and as a second top the labels.

    `set_arrays` gives the data. After the last batch comes the first again.
    """

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
        """Refuse what Caffe refuses; Caffe then applies none of the settings to arrays."""
        t = self.param.transform_param
        if t.HasField("mean_file") and t.mean_value:
            raise self.error("transform_param has both mean_file and mean_value; write one of them.")
        if t.HasField("mean_file"):
            read_mean(t.mean_file)
        if fields := ", ".join(field.name for field, _ in t.ListFields()):
            logging.getLogger(LOGGER).warning(
                'layer "%s": its arrays are used as they are; transform_param (%s) is ignored.',
                *(self.name, fields),
            )

    def set_arrays(self, data: npt.ArrayLike, labels: npt.ArrayLike) -> None:
        """Set N pictures (N x channels x height x width) and N labels; N is a multiple of batch_size.

        Arrays of float32 are used without a copy, and a layer in place on a top writes into them, as in Caffe. Raises
        LayerError for arrays that do not fit.
        """
        pictures, numbers = np.asarray(data, np.float32), np.asarray(labels, np.float32).reshape(-1)
        size = self._shape[0]
        if pictures.shape[1:] != self._shape[1:]:
            raise self.error(
                f"was given pictures of shape {shape_text(pictures.shape)}; expected Nx{shape_text(self._shape[1:])}."
            )
        if not len(pictures) or len(pictures) % size:
            raise self.error(f"was given {len(pictures)} pictures; expected a multiple of batch_size {size}.")
        if len(numbers) != len(pictures):
            raise self.error(f"was given {len(pictures)} pictures and {len(numbers)} labels; expected as many of both.")
        self._arrays = [torch.from_numpy(pictures), torch.from_numpy(numbers)]
        self._next_batch = 0

    def seek(self, batch: int) -> None:
        self._next_batch = batch

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if not self._arrays:
            raise self.error(
                "has no data. Call set_input_arrays(data, labels), or feed its tops, before running the net."
            )
        size, (pictures, labels) = self._shape[0], self._arrays
        first = self.context.batch(self._next_batch) * size % len(pictures)
        self._next_batch += 1
        return [values[first : first + size].to(self.context.device) for values in (pictures, labels)]
