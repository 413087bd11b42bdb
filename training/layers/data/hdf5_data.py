"""HDF5Data: rows of the datasets in HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.errors import WeightsError
from caffe_io.hdf5 import is_hdf5, own_dataset
from common.inputs import check_input, read_input

from ..base import Shape, shape_list
from .source import Batches

# Bytes.
_LONGEST_LIST = 1 << 28


class HDF5Data(Batches):
    """Read each top from the dataset of its name, row by row through all files that `source` lists.

    After the last file comes the first again. Numbers become float32; nothing is transformed. With `shuffle` each pass
    has its own order of files, and each file its own order of rows, drawn from (seed, pass, file), so that a resumed
    training continues exactly.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.hdf5_data_param
        if self.param.HasField("transform_param"):
            raise self.error("does not transform its data. Leave transform_param out and store the data transformed.")
        if not p.batch_size:
            raise self.error("needs a batch_size of at least 1.")
        self.source = p.source
        if is_hdf5(p.source):
            raise self.error(
                f'its source "{p.source}" is an HDF5 file itself. Expected a text file with the names of HDF5 files, '
                "one a line: write this name into a file and give that."
            )
        try:
            self._files = read_input(p.source, _LONGEST_LIST).decode("utf-8", "surrogateescape").split()
        except OSError as error:
            raise self.error(f'its source "{p.source}" cannot be read ({error.strerror}).') from error
        if not self._files:
            raise self.error(f'its source "{p.source}" is empty; expected the names of HDF5 files.')
        found = [self._look(name) for name in self._files]
        for name, others in zip(self._files, found, strict=True):
            if [shape[1:] for shape in others] != [shape[1:] for shape in found[0]]:
                raise self.error(f"the rows of {name} have other shapes than those of {self._files[0]}.")
        self._rows = np.array([shapes[0][0] for shapes in found])
        self._load = lru_cache(1)(self._read)
        return [(p.batch_size, *shape[1:]) for shape in found[0]]

    def make(self, batch: int) -> Sequence[Tensor]:
        size = self.param.hdf5_data_param.batch_size
        parts = [
            [values[rows] for values in self._load(file)]
            for file, rows in self._segments(self.context.batch(batch), size)
        ]
        return [torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)]

    def _segments(self, batch: int, size: int) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Yield the files, and their rows, that form a batch, counted over all workers."""
        position = batch * size
        while size:
            passes, skipped = divmod(position, int(self._rows.sum()))
            for file in self._order(len(self._files), passes):
                if skipped < self._rows[file]:
                    break
                skipped -= int(self._rows[file])
            rows = self._order(int(self._rows[file]), passes, int(file))[skipped : skipped + size]
            yield int(file), rows
            position += len(rows)
            size -= len(rows)

    def _order(self, count: int, *key: int) -> npt.NDArray[np.int64]:
        if not self.param.hdf5_data_param.shuffle:
            return np.arange(count)
        return np.random.default_rng((self.context.seed, *key)).permutation(count)

    def _read(self, file: int) -> list[npt.NDArray[np.float32]]:
        with self._opened(self._files[file]) as store:
            return [self._dataset(store, top, self._files[file])[()].astype(np.float32) for top in self.param.top]

    def _look(self, name: str) -> list[Shape]:
        """Return the shapes of the datasets in a file, after checking that they are what the layer needs."""
        with self._opened(name) as store:
            datasets = [self._dataset(store, top, name) for top in self.param.top]
            kinds = {dataset.dtype.kind for dataset in datasets}
            shapes: list[Shape] = [tuple(dataset.shape) for dataset in datasets]
        if not kinds <= set("fiu"):
            raise self.error(f"{name}: a dataset does not hold numbers; expected integers or floats.")
        if len({shape[:1] for shape in shapes}) != 1 or not shapes[0] or not shapes[0][0]:
            raise self.error(
                f"{name}: its datasets have the shapes {shape_list(shapes)}; "
                "expected the same number of rows, at least 1, in each."
            )
        return shapes

    def _dataset(self, store: Any, top: str, name: str) -> Any:
        try:
            dataset = own_dataset(store, top, f'{name}: "{top}"')
        except WeightsError as error:
            raise self.error(str(error)) from error
        if dataset is None:
            raise self.error(f'{name} has no dataset "{top}"; it has {", ".join(store) or "none"}.')
        return dataset

    @contextmanager
    def _opened(self, name: str) -> Iterator[Any]:
        import h5py

        try:
            with h5py.File(check_input(name), "r") as store:
                yield store
        except (OSError, RuntimeError, MemoryError) as error:
            raise self.error(f"{name} cannot be read as an HDF5 file ({error}).") from error
