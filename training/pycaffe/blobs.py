"""Blobs and layers, in the form in which pycaffe shows them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from caffe_io.blobs import Array

from .. import layers
from ..errors import TrainingError


class Blob:
    """Values and their gradients: the arrays `data` and `diff`, which can be written to (`blob.data[...] = x`).

    `tensors` returns the two tensors of the moment, and `resize` gives them another shape.
    """

    def __init__(self, tensors: Callable[[], tuple[Tensor, Tensor]], resize: Callable[[tuple[int, ...]], None]) -> None:
        self._tensors = tensors
        self._resize = resize

    @property
    def data(self) -> Array:
        """The values, as a view of the net's own memory."""
        return self._tensors()[0].detach().numpy()

    @property
    def diff(self) -> Array:
        """The gradients, as a view of the net's own memory."""
        return self._tensors()[1].detach().numpy()

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(self._tensors()[0].shape)

    @property
    def count(self) -> int:
        """The number of values."""
        return self._tensors()[0].numel()

    # The four axes of old, 1 where a blob has fewer.
    num = property(lambda self: self._legacy(0))
    channels = property(lambda self: self._legacy(1))
    height = property(lambda self: self._legacy(2))
    width = property(lambda self: self._legacy(3))

    def reshape(self, *shape: int) -> None:
        """Give the blob another shape and zeros. Its consumers adapt at the next `forward` or `reshape`."""
        self._resize(shape)

    def _legacy(self, axis: int) -> int:
        return self.shape[axis] if axis < len(self.shape) else 1


class LayerView:
    """A layer's `type` and `blobs`."""

    def __init__(self, layer: layers.Layer) -> None:
        self.type = layer.param.type
        self.blobs = [_weight(layer, index) for index in range(len(layer.blobs))]


def _weight(layer: layers.Layer, index: int) -> Blob:
    def tensors() -> tuple[Tensor, Tensor]:
        values = layer.blobs[index]
        if values.grad is None:
            values.grad = torch.zeros_like(values)
        return values, values.grad

    def refuse(shape: tuple[int, ...]) -> None:
        raise TrainingError(f'layer "{layer.name}": its weights cannot be given another shape. Change the prototxt.')

    return Blob(tensors, refuse)
