"""Data: pictures and labels from an LMDB or a LevelDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from caffe_io.databases.backends import open_database
from caffe_io.datum import datum_to_array, parse_datum

from ..base import Shape
from .source import Picture, Pictures


class Data(Pictures):
    """Read records in the order of their keys, and start again after the last.

    Batch number b always begins at record b * batch_size. Encoded records (JPEG, PNG) are decoded with the channels they
    have, with force_color as three, with force_gray as one. As in Caffe 1.0, rand_skip is ignored; so is prefetch.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, transform = self.param.data_param, self.param.transform_param
        if transform.force_color and transform.force_gray:
            raise self.error("has both force_color and force_gray; write one of them.")
        self._color = True if transform.force_color else False if transform.force_gray else None
        if not p.source:
            raise self.error("data_param has no source. Name the folder of a database.")
        self.source = p.source
        self._reader = open_database(p)
        key, value = next(self._reader.items())
        return self.top_shapes(p.batch_size, self._decode(key, value)[0].shape)

    @property
    def records(self) -> int:
        """The number of records in the database."""
        return len(self._reader)

    def begin(self, batch: int) -> None:
        first = self.context.batch(batch) * self.param.data_param.batch_size
        self._records: Iterator[tuple[bytes, bytes]] = self._reader.cycle(first)

    def make(self, batch: int) -> Sequence[Tensor]:
        size = self.param.data_param.batch_size
        drawn = [(*self._decode(key, value), self._record_name(key)) for key, value in self._next(size)]
        # Skip the records of the other workers.
        for _ in self._next(size * (self.context.workers - 1)):
            pass
        return self.batch(batch, drawn)

    def _next(self, count: int) -> Iterator[tuple[bytes, bytes]]:
        return (next(self._records) for _ in range(count))

    def _decode(self, key: bytes, value: bytes) -> tuple[Picture, int]:
        name = self._record_name(key)
        datum = parse_datum(value, name)
        return datum_to_array(datum, name, self._color), datum.label

    def _record_name(self, key: bytes) -> str:
        """Name a record in messages."""
        return f'{self.source}, record "{key.decode(errors="replace")}"'
