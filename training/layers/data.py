"""Data: pictures and labels from an LMDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from caffe_io.caffe_pb2 import DataParameter
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.lmdb_store import LmdbReader

from ..prefetch import Prefetcher
from ..transform import Transformer
from .base import Layer, Shape

Batch = tuple[Tensor, Tensor]


class Data(Layer):
    """Records in the order of their keys, from the first again after the last. Top 1: N x C x H x W; top 2: the N labels.

    Batch number b always begins at record b * batch_size, and its crops and mirrors are drawn from (seed, b): so a
    resumed training sees what an unbroken one sees.
    """

    bottoms = (0, 0)
    tops = (1, 2)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.data_param
        if p.backend != DataParameter.LMDB:
            raise self.error("backend LEVELDB is not read here; make an LMDB and write `backend: LMDB`.")
        if not p.batch_size:
            raise self.error("data_param needs a batch_size of at least 1.")
        self._reader = LmdbReader(p.source)
        self._next_batch, self._waited = 0, 0.0
        key, value = next(self._reader.items())
        first = self._decode(key, value)[0]
        self._transformer = Transformer(self.param.transform_param, self.context.training, first.shape)
        self._prefetcher: Prefetcher[Batch] | None = None
        return [(p.batch_size, *self._transformer.shape), (p.batch_size,)][: len(self.param.top)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if self._prefetcher is None:
            self._records: Iterator[tuple[bytes, bytes]] = self._reader.cycle(
                self.context.batch(self._next_batch) * self.param.data_param.batch_size
            )
            self._prefetcher = Prefetcher(self._make, self._next_batch)
        batch = self._prefetcher.next()
        self._next_batch += 1
        return [top.to(self.context.device, non_blocking=True) for top in batch][: len(self.param.top)]

    def seek(self, batch: int) -> None:
        """Go on with this worker's batch number `batch`, counted from the first record."""
        self.close()
        self._next_batch = batch

    @property
    def records(self) -> int:
        """The number of records in the LMDB."""
        return len(self._reader)

    @property
    def waited(self) -> float:
        """Seconds spent waiting for batches, since the layer was made."""
        return self._waited + (self._prefetcher.waited if self._prefetcher else 0.0)

    def close(self) -> None:
        if self._prefetcher:
            self._prefetcher.close()
            self._waited += self._prefetcher.waited
            self._prefetcher = None

    def _make(self, number: int) -> Batch:
        size = self.param.data_param.batch_size
        drawn = [self._draw() for _ in range(size)]
        for _ in range(size * (self.context.workers - 1)):  # what the others draw
            next(self._records)
        random = np.random.default_rng((self.context.seed, self.context.batch(number)))
        pictures = torch.from_numpy(self._transformer([picture for picture, _ in drawn], random))
        labels = torch.tensor([label for _, label in drawn], dtype=torch.float32)
        return pictures.contiguous(memory_format=torch.channels_last), labels

    def _draw(self) -> tuple[np.ndarray, int]:
        key, value = next(self._records)
        picture, label = self._decode(key, value)
        self._transformer.check(picture.shape, self._called(key))
        return picture, label

    def _decode(self, key: bytes, value: bytes) -> tuple[np.ndarray, int]:
        datum = parse_datum(value, self._called(key))
        return datum_to_array(datum, self._called(key)), datum.label

    def _called(self, key: bytes) -> str:
        return f'{self.param.data_param.source}, record "{key.decode(errors="replace")}"'
