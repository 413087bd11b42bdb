"""Blobs in the form in which pycaffe shows them to scripts and to Python layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from caffe_io.blobs import MOST_NUMBERS, Array
from common.messages import shape_text

from ..errors import TrainingError
from .base import Shape


class Blob:
    """Values and their gradients: the arrays `data` and `diff`, which can be written to (`blob.data[...] = x`).

    Both are contiguous float32 arrays on the net's own memory, so that writes through any view of them arrive. `tensors`
    returns the two tensors of the moment, and `resize` gives them another shape.
    """

    def __init__(self, tensors: Callable[[], tuple[Tensor, Tensor]], resize: Callable[[Shape], None]) -> None:
        self.tensors = tensors
        self._resize = resize

    @property
    def data(self) -> Array:
        """The values."""
        return self.tensors()[0].detach().numpy()

    @property
    def diff(self) -> Array:
        """The gradients."""
        return self.tensors()[1].detach().numpy()

    @property
    def shape(self) -> Shape:
        """The sizes of the axes."""
        return tuple(self.tensors()[0].shape)

    @property
    def count(self) -> int:
        """The number of values."""
        return self.tensors()[0].numel()

    # The four axes of old, 1 where a blob has fewer.
    num = property(lambda self: self._legacy(0))
    channels = property(lambda self: self._legacy(1))
    height = property(lambda self: self._legacy(2))
    width = property(lambda self: self._legacy(3))

    def reshape(self, *shape: int) -> None:
        """Give the blob another shape. Its values stay as they are in memory, or become 0 if there is not enough of it.

        The layers that read it adapt at the next `forward` or `reshape` of the net.
        """
        sizes = tuple(int(size) for size in shape)
        if min(sizes, default=0) < 0 or math.prod(sizes) > MOST_NUMBERS:
            raise TrainingError(
                f"reshape to {shape_text(sizes)}: expected sizes of 0 or more, and at most {MOST_NUMBERS} numbers, as in Caffe."
            )
        self._resize(sizes)

    def _legacy(self, axis: int) -> int:
        return self.shape[axis] if axis < len(self.shape) else 1


class Memory:
    """The values and gradients of one blob, in memory that is only replaced when it becomes too small, as in Caffe."""

    def __init__(self, shape: Shape, device: torch.device | None = None) -> None:
        self.device = device
        self.data = torch.zeros(shape, device=device)
        self.diff = torch.zeros(shape, device=device)
        self._capacity = [self.data.reshape(-1), self.diff.reshape(-1)]

    def resize(self, shape: Shape) -> None:
        """Give both another shape; the values stay unless they need more memory, which begins as zeros."""
        count = math.prod(shape)
        if count > self._capacity[0].numel():
            self._capacity = [torch.zeros(count, device=self.device) for _ in range(2)]
        self.data, self.diff = (values[:count].view(shape) for values in self._capacity)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return both."""
        return self.data, self.diff


class BlobVec(list[Blob]):
    """The weights of a layer, as blobs. `tensors` are those of the layer itself."""

    def __init__(self, tensors: list[Tensor], training: bool = False) -> None:
        super().__init__(_weight_blob(tensors, index) for index in range(len(tensors)))
        self._tensors = tensors
        self._training = training

    def __setitem__(self, index: Any, blob: Any) -> None:
        """Let the layer use another layer's weight, as scripts that merge layers do."""
        self._tensors[index] = blob.tensors()[0]
        super().__setitem__(index, _weight_blob(self._tensors, index))

    def add_blob(self, *shape: int) -> None:
        """Append a weight of this shape, filled with zeros."""
        self._tensors.append(torch.zeros(shape).requires_grad_(self._training))
        self.append(_weight_blob(self._tensors, len(self)))


def _weight_blob(blobs: list[Tensor], index: int) -> Blob:
    """Show weight number `index` of `blobs`, with its grad as the diff."""

    def tensors() -> tuple[Tensor, Tensor]:
        values = blobs[index]
        if values.grad is None:
            values.grad = torch.zeros_like(values)
        return values, values.grad

    def resize(shape: Shape) -> None:
        values = blobs[index]
        count, old = math.prod(shape), values.detach().reshape(-1)
        values.grad = None
        values.data = old[:count].reshape(shape) if count <= old.numel() else torch.zeros(shape, device=old.device)

    return Blob(tensors, resize)
