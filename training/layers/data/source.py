"""What layers without bottoms share: their tops come from files, or from the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..base import Layer, Shape
from .prefetch import Prefetcher
from .transform import Transformer

Picture = npt.NDArray[np.generic]  # channels x height x width, BGR


class Source(Layer):
    """A layer without bottoms. `source`: what it reads, for messages; empty if it reads no file.

    The caller of a net may give the tops of any Source instead of its own.
    """

    bottoms: ClassVar[tuple[int, int | None]] = (0, 0)
    tops: ClassVar[tuple[int, int | None]] = (1, None)
    source = ""

    def seek(self, batch: int) -> None:
        """Go on with this worker's batch number `batch`, counted from the first."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for batches, since the layer was made."""
        return 0.0


class Batches(Source):
    """A Source whose batches are numbered and made ahead in a thread. A subclass has `make`, and `begin` if it needs it."""

    _prefetcher: Prefetcher[Sequence[Tensor]] | None = None
    _next_batch, _waited = 0, 0.0

    def begin(self, batch: int) -> None:
        """Called before `make` is called for `batch`, and then for those that follow it one by one."""

    def make(self, batch: int) -> Sequence[Tensor]:
        """The tops of this worker's batch number `batch`; runs in the thread."""
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
    """Batches of pictures with labels. Top 1: N x C x H x W by transform_param; top 2: the N labels.

    As in Caffe, the first picture of a batch gives the batch its height and width. Crops and mirrors are drawn from
    (seed, batch): so a resumed training sees what an unbroken one sees.
    """

    def top_shapes(self, size: int, first: Shape) -> list[Shape]:
        """The shapes of the tops for `size` pictures a batch, of which one is `first` (channels x height x width)."""
        if not size:
            raise self.error("needs a batch_size of at least 1.")
        self._transformer = self._fitting(first)
        return [(size, *self._transformer.shape), (size,)][: len(self.param.top)]

    def batch(self, number: int, drawn: Sequence[tuple[Picture, int, str]]) -> Sequence[Tensor]:
        """The tops from pictures, their labels, and what they are called in messages."""
        first = drawn[0][0].shape
        if not self._transformer.takes(first):
            self._transformer = self._fitting(first)
        for picture, _, called in drawn:
            self._transformer.check(picture.shape, called)
        random = np.random.default_rng((self.context.seed, self.context.batch(number)))
        pictures = torch.from_numpy(self._transformer([picture for picture, _, _ in drawn], random))
        labels = torch.tensor([label for _, label, _ in drawn], dtype=torch.float32)
        return pictures, labels

    def _fitting(self, shape: Shape) -> Transformer:
        channels, height, width = shape
        return Transformer(self.param.transform_param, self.training, (channels, height, width))
