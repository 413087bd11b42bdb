"""What layers without bottoms have in common: their tops come from files, or from the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter

from ..base import Context, Layer, Shape
from .prefetch import Prefetcher
from .transform import DataTransformer

Picture = npt.NDArray[np.generic]
"""Channels x height x width, BGR."""


_AUGMENTATION = 1


class Source(Layer):
    """A layer without bottoms. The caller of a net may replace its tops.

    `source` is the file that it reads, for messages; empty if there is none.
    """

    source = ""
    filled_once: Sequence[Tensor | None] = ()
    """For each top its values, if `forward` always returns the same; Caffe fills such a blob when it makes the net."""

    def seek(self, batch: int) -> None:
        """Continue with this worker's batch number `batch`, counted from the first."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for batches since the layer was made."""
        return 0.0


def read_batch(layers: Iterable[Source]) -> dict[str, Tensor]:
    """Return the next batch of all these layers, by its blobs: for a caller that changes it before it feeds a net with it."""
    return {name: top for layer in layers for name, top in zip(layer.param.top, layer.forward([]), strict=True)}


class Batches(Source):
    """A Source whose batches are numbered and made ahead in a thread.

    A subclass overrides `make`, and `begin` if it needs it.
    """

    def __init__(self, param: LayerParameter, context: Context) -> None:
        super().__init__(param, context)
        self._prefetcher: Prefetcher[Sequence[Tensor]] | None = None
        self._next_batch = 0
        self._waited = 0.0

    def begin(self, batch: int) -> None:
        """Prepare for `make`, which is called next for `batch`, and then for the following batches one by one."""

    def make(self, batch: int) -> Sequence[Tensor]:
        """Make the tops of this worker's batch number `batch`; runs in the thread."""
        raise NotImplementedError

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if self._prefetcher is None:
            self.begin(self._next_batch)
            self._prefetcher = Prefetcher(self.make, self._next_batch)
        batch = self._prefetcher.next()
        self._next_batch += 1
        return [top.to(self.context.device, non_blocking=True) for top in batch][: len(self.param.top)]

    def seek(self, batch: int) -> None:
        self.close()
        self._next_batch = batch

    @property
    def waited(self) -> float:
        return self._waited + (self._prefetcher.waited if self._prefetcher else 0.0)

    def close(self) -> None:
        if self._prefetcher:
            self._prefetcher.close()
            self._waited += self._prefetcher.waited
            self._prefetcher = None


class Pictures(Batches):
    """Batches of pictures, transformed as transform_param says (N x C x H x W), and as a second top their N labels.

    As in Caffe, the first picture of a batch determines the height and width of the batch. Crops and mirrors are drawn
    from (seed, batch), so that a resumed training sees what an unbroken one sees.
    """

    def top_shapes(self, size: int, first: Shape) -> list[Shape]:
        """Return the shapes of the tops for batches of `size` pictures; one of them is `first` (channels x height x width)."""
        if not size:
            raise self.error("needs a batch_size of at least 1.")
        self._transformer = self._transformer_for(first)
        return [(size, *self._transformer.shape), (size,)][: len(self.param.top)]

    def batch(self, number: int, drawn: Sequence[tuple[Picture, int, str]]) -> Sequence[Tensor]:
        """Make the tops of a batch from pictures, their labels, and their names for messages."""
        first = drawn[0][0].shape
        if not self._transformer.takes(first):
            self._transformer = self._transformer_for(first)
        for picture, _, name in drawn:
            self._transformer.check(picture.shape, name)
        seed = (self.context.seed, self.context.batch(number))
        pictures = torch.from_numpy(self._transformer(self._augmented(drawn, seed), np.random.default_rng(seed)))
        labels = torch.tensor([label for _, label, _ in drawn], dtype=torch.float32)
        return pictures, labels

    def _augmented(self, drawn: Sequence[tuple[Picture, int, str]], seed: tuple[int, int]) -> list[Picture]:
        pictures = [picture for picture, _, _ in drawn]
        augmentation = self.context.augmentation
        if not augmentation or not self.training:
            return pictures
        # Its draws leave those of crop and mirror as they are.
        random = np.random.default_rng((*seed, _AUGMENTATION))
        return [augmentation.apply(picture, random) for picture in pictures]

    def _transformer_for(self, shape: Shape) -> DataTransformer:
        channels, height, width = shape
        return DataTransformer(self.param.transform_param, self.training, (channels, height, width))
