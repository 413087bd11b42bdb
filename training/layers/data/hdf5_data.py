"""HDF5Data: rows of the datasets in HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..base import Shape, shape_list
from .source import Batches


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
        try:
            self._files = Path(p.source).read_text("utf-8", "surrogateescape").split()
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
            return [store[top][()].astype(np.float32) for top in self.param.top]

    def _look(self, name: str) -> list[Shape]:
        """Return the shapes of the datasets in a file, after checking that they are what the layer needs."""
        with self._opened(name) as store:
            missing = [top for top in self.param.top if not hasattr(store.get(top), "dtype")]
            if missing:
                raise self.error(f'{name} has no dataset "{missing[0]}"; it has {", ".join(store) or "none"}.')
            kinds = {store[top].dtype.kind for top in self.param.top}
            shapes: list[Shape] = [tuple(store[top].shape) for top in self.param.top]
        if not kinds <= set("fiu"):
            raise self.error(f"{name}: a dataset does not hold numbers; expected integers or floats.")
        if len({shape[:1] for shape in shapes}) != 1 or not shapes[0] or not shapes[0][0]:
            raise self.error(
                f"{name}: its datasets have the shapes {shape_list(shapes)}; "
                "expected the same number of rows, at least 1, in each."
            )
        return shapes

    def _opened(self, name: str) -> Any:
        import h5py

        try:
            return h5py.File(name, "r")
        except OSError as error:
            raise self.error(f"{name} cannot be read as an HDF5 file ({error}).") from error
