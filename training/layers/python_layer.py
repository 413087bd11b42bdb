"""Python: a layer that the code of a module computes, as pycaffe's Layer defines it.

    layer { name: "ten" type: "Python" bottom: "x" top: "y" python_param { module: "my_layers" layer: "TimesTen" } }

`module` is imported as Python finds it, `layer` is a class in it that derives from caffe.Layer.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter

from .base import Layer, Shape
from .blob import Blob, BlobVec, Memory


class ScriptLayer:
    """caffe.Layer, the base of the classes that compute Python layers.

    Override setup, reshape and forward, each with (bottom, top), and backward(top, propagate_down, bottom). Bottoms and tops are
    lists of blobs. `param_str` and `phase` are set before setup, which may add weights: self.blobs.add_blob(SHAPE).
    """

    blobs: BlobVec
    type = "Python"
    param_str = ""
    phase = 0

    def __init__(self, param: LayerParameter) -> None:
        """Take the layer's parameters, which the prototxt gives."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Prepare, once."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes, before each forward."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops' data."""

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Compute the diffs of the weights, and of the bottoms for which propagate_down is set, from the tops' diffs."""


class Python(Layer):
    """Run a ScriptLayer."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        bottoms = [Memory(shape) for shape in shapes]
        self._memories = dict(zip(self.param.bottom, bottoms, strict=True))
        for name in self.param.top:
            # A top in place is the bottom's blob.
            self._memories.setdefault(name, Memory((0,)))
        self._bottom = [_show(self._memories[name]) for name in self.param.bottom]
        self._top = [_show(self._memories[name]) for name in self.param.top]
        p = self.param.python_param
        with self._reported("when it was made"):
            # A layer of its own class, so that a script's own class need not call __init__.
            self._script = getattr(importlib.import_module(p.module), p.layer)(self.param)
            self._script.blobs = BlobVec(self.blobs, self.context.training)
            self._script.param_str = p.param_str
            self._script.phase = self.param.phase if self.param.HasField("phase") else self.context.phase
        with self._reported("in setup"):
            self._script.setup(self._bottom, self._top)
        return self._reshaped()

    def reshape(self, shapes: list[Shape]) -> list[Shape]:
        for name, shape in zip(self.param.bottom, shapes, strict=True):
            self._memories[name].resize(shape)
        return self._reshaped()

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        tops: Sequence[Tensor] = _Run.apply(self, *bottoms, *self.blobs)  # type: ignore[no-untyped-call]
        return tops

    def run(self, bottoms: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute the tops with the script's layer."""
        self._fill(self.param.bottom, "data", bottoms)
        self._reshaped()
        with self._reported("in forward"):
            self._script.forward(self._bottom, self._top)
        return self._copies(self.param.top, "data")

    def run_back(self, gradients: Sequence[Tensor], needed: Sequence[bool]) -> tuple[Tensor | None, ...]:
        """Compute the gradients of the bottoms that are `needed` from those of the tops."""
        self._fill(self.param.top, "diff", gradients)
        with self._reported("in backward"):
            self._script.backward(self._top, list(needed), self._bottom)
        found = self._copies(self.param.bottom, "diff")
        return tuple(values if wanted else None for values, wanted in zip(found, needed, strict=True))

    def _reshaped(self) -> list[Shape]:
        with self._reported("in reshape"):
            self._script.reshape(self._bottom, self._top)
        return [blob.shape for blob in self._top]

    def _fill(self, names: Sequence[str], field: str, values: Sequence[Tensor]) -> None:
        for name, tensor in zip(names, values, strict=True):
            memory = self._memories[name]
            if memory.data.shape != tensor.shape:
                memory.resize(tuple(tensor.shape))
            getattr(memory, field).copy_(tensor)

    def _copies(self, names: Sequence[str], field: str) -> tuple[Tensor, ...]:
        return tuple(getattr(self._memories[name], field).to(self.context.device, copy=True) for name in names)

    @contextmanager
    def _reported(self, where: str) -> Iterator[None]:
        """Turn exceptions of the script's code into a LayerError, unless its caller wants them as they are."""
        try:
            yield
        except Exception as error:
            if self.context.python_code.raised:
                raise
            p = self.param.python_param
            raise self.error(f"{p.module}.{p.layer} failed {where} ({type(error).__name__}: {error}).") from error


def _show(memory: Memory) -> Blob:
    return Blob(memory.tensors, memory.resize)


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: Python, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.layer = layer
        return layer.run(tensors[: len(layer.param.bottom)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        bottoms = len(ctx.layer.param.bottom)
        needed = ctx.needs_input_grad[1 : bottoms + 1]
        # The script writes the gradients of its weights into their diffs itself.
        return None, *ctx.layer.run_back(gradients, needed), *[None] * len(ctx.layer.blobs)
