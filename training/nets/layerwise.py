"""A net run layer by layer, as Caffe runs it: for pycaffe's face, for the times of single layers, for debug_info."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import TrainingError
from ..layers import Layer
from ..layers.base import Shape
from .backward_need import backward_needs
from .net import Net


@dataclass
class _Run:
    """What a layer's backward pass needs of its last forward pass."""

    bottoms: list[Tensor]
    tops: list[Tensor]


class Layerwise:
    """`net` with Caffe's memory: each blob has `data` and `diff`, which may be read and changed between two layers.

    The gradients are those of the net as a whole; an in-place layer's top overwrites its bottom, and a blob's diff is
    the sum over all layers that take it. Weights' gradients are added up in their tensors' grad until they are cleared.
    `forward_seconds` and `backward_seconds` hold the time of each layer's last pass.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.data: dict[str, Tensor] = {}
        self.diff: dict[str, Tensor] = {}
        # in which the layers pass the blobs on; data and diff are NCHW
        self._layouts: dict[str, torch.memory_format] = {}
        for name, shape in net.shapes.items():
            self.resize(name, shape)
        self.needs = backward_needs(net.layers, net.losses, net.param.force_backward)
        for layer, need in zip(net.layers, self.needs, strict=True):
            if need.layer:
                self._let_learn(layer)
        # pycaffe's callbacks, with a layer's index
        self.hooks: dict[str, list[Callable[[int], object]]] = {
            f"{when}_{way}": [] for when in ("before", "after") for way in ("forward", "backward")
        }
        self.forward_seconds = [0.0] * len(net.layers)
        self.backward_seconds = [0.0] * len(net.layers)
        self._runs: list[_Run | None] = [None] * len(net.layers)

    def resize(self, name: str, shape: Shape) -> None:
        """Give a blob new, empty data and diff; a loss's diff is its weight, as Caffe sets it."""
        device = self.net.context.device
        self._layouts[name] = torch.contiguous_format
        self.data[name] = torch.zeros(shape, device=device)
        self.diff[name] = torch.full(shape, self.net.losses.get(name, 0.0), device=device)

    def catch_up(self) -> None:
        """Take over the blobs if the net was run as a whole (`net.forward`) in between."""
        if self.net.blobs is self.data:
            return
        for name, values in self.net.blobs.items():
            self._store(name, values)
        self.net.blobs = self.data

    def reshape(self) -> None:
        """Let all layers adapt to the present shapes of the blobs that have no layer above them."""
        for index, layer in enumerate(self.net.layers):
            if layer.param.bottom:
                self._adapt(index, layer)

    def forward(self, start: int = 0, end: int | None = None, after: Callable[[int], None] | None = None) -> float:
        """Run the layers with indices `start` to `end` (inclusive; None: the last); the sum of their weighted losses.

        `after` is called with each layer's index when it has run.
        """
        self.catch_up()
        loss = 0.0
        for index in range(start, len(self.net.layers) if end is None else end + 1):
            layer = self.net.layers[index]
            self._call("before_forward", index)
            if layer.param.type != "Input":
                self._adapt(index, layer)
                loss += self._run(index, layer)
            if after:
                after(index)
            self._call("after_forward", index)
        return loss

    def backward(self, start: int | None = None, end: int = 0, after: Callable[[int], None] | None = None) -> None:
        """Run the layers from index `start` (None: the last) back to `end`, from the diffs of their tops as they stand.

        Raises TrainingError for a layer that was not run forward before.
        """
        written: set[str] = set()  # in this pass, and not yet used up by the layer that makes the blob
        for index in reversed(range(end, len(self.net.layers) if start is None else start + 1)):
            layer, need = self.net.layers[index], self.needs[index]
            self._call("before_backward", index)
            if need.layer and layer.param.type != "Input":
                self._run_back(index, layer, written)
            if need.layer and after:
                after(index)
            self._call("after_backward", index)

    def _call(self, hook: str, index: int) -> None:
        for run in self.hooks[hook]:
            run(index)

    def _run(self, index: int, layer: Layer) -> float:
        need = self.needs[index]
        bottoms = [
            self.data[name].clone(memory_format=self._layouts[name]).requires_grad_(need.layer and wanted)
            for name, wanted in zip(layer.param.bottom, need.bottoms, strict=True)
        ]
        with torch.set_grad_enabled(need.layer):
            begun = self._now()
            tops = list(self.net.run(index, bottoms))
            self.forward_seconds[index] = self._now() - begun
        loss = 0.0
        for name, top in zip(layer.param.top, tops, strict=True):
            self._store(name, top)
            if name in self.net.losses:
                weight = 0.0 if name in self.net.overruled else self.net.losses[name]
                loss += (weight + self.net.echoes.get(name, 0.0)) * float(top.detach().sum())
        self._runs[index] = _Run(bottoms, tops)
        return loss

    def _run_back(self, index: int, layer: Layer, written: set[str]) -> None:
        run, p = self._runs[index], layer.param
        if run is None:
            raise TrainingError(f'layer "{layer.name}" has not been run forward, so there is nothing to go back from.')
        pairs = [(top, self.diff[name]) for name, top in zip(p.top, run.tops, strict=True) if top.requires_grad]
        written.difference_update(p.top)
        for name in self.net.echoes.keys() & p.top:
            self.net.hear(name, self.diff[name])
        begun = self._now()
        if pairs:
            gradients = [diff.to(top.dtype, copy=True) for top, diff in pairs]
            torch.autograd.backward([top for top, _ in pairs], gradients, retain_graph=True)
        self.backward_seconds[index] = self._now() - begun
        for name, bottom in zip(p.bottom, run.bottoms, strict=True):
            if not bottom.requires_grad:
                continue
            gradient = torch.zeros_like(bottom) if bottom.grad is None else bottom.grad
            bottom.grad = None
            if name not in written:
                silent = name in p.top or name in self.net.overruled
                self.diff[name].fill_(0.0 if silent else self.net.losses.get(name, 0.0))
                written.add(name)
            self.diff[name].add_(gradient)

    def _store(self, name: str, values: Tensor) -> None:
        if self.data[name].shape != values.shape:
            self.resize(name, tuple(values.shape))
        self.data[name].copy_(values.detach())
        nhwc = values.dim() == 4 and not values.is_contiguous()
        nhwc = nhwc and values.is_contiguous(memory_format=torch.channels_last)
        self._layouts[name] = torch.channels_last if nhwc else torch.contiguous_format

    def _adapt(self, index: int, layer: Layer) -> None:
        """Set the layer up anew if its bottoms' shapes are others than before."""
        shapes = [tuple(self.data[name].shape) for name in layer.param.bottom]
        if shapes == self.net.bottom_shapes[index]:
            return
        for name, shape in zip(layer.param.top, layer.reshape(shapes), strict=True):
            if tuple(self.data[name].shape) != shape:
                self.resize(name, shape)
        self.net.bottom_shapes[index] = shapes

    def _let_learn(self, layer: Layer) -> None:
        """A net of phase TEST has no gradients of its weights; here they are wanted."""
        for index, blob in enumerate(layer.blobs):
            fixed = index < len(layer.param.param) and layer.param.param[index].lr_mult == 0
            forced = self.net.param.force_backward and layer.param.type != "BatchNorm"  # whose blobs are statistics
            blob.requires_grad_(forced or not fixed)

    def _now(self) -> float:
        if self.net.context.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()
