"""A net run layer by layer, as Caffe runs it: for pycaffe, for the times of single layers, for debug_info."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..layers import Layer
from ..layers.base import Shape
from ..layers.blob import Memory
from ..layers.data.source import Source
from .net import Net


@dataclass
class _Run:
    """The tensors of a layer's last forward pass, for its backward pass."""

    bottoms: list[Tensor]
    tops: list[Tensor]


class Layerwise:
    """`net` with Caffe's memory: each blob has `data` and `diff`, which may be read and changed between two layers.

    The gradients are those of `Net.forward`. A top in place overwrites its bottom, and a blob's diff is the sum over
    its consumers. Gradients of weights add up in their tensors' grad until they are cleared. The tops of Input layers are the
    caller's, and so are those that a DummyData layer fills once. `forward_seconds` and `backward_seconds` hold the time of each
    layer's last pass. `hooks` holds pycaffe's callbacks, which get a layer's index.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.data: dict[str, Tensor] = {}
        self.diff: dict[str, Tensor] = {}
        self._memories: dict[str, Memory] = {}
        self._filled_once: set[str] = set()
        # The memory layouts in which layers pass the blobs on; data and diff are always NCHW.
        self._layouts: dict[str, torch.memory_format] = {}
        self.hooks: dict[str, list[Callable[[int], object]]] = {
            "before_forward": [],
            "after_forward": [],
            "before_backward": [],
            "after_backward": [],
        }
        self.forward_seconds = [0.0] * len(net.layers)
        self.backward_seconds = [0.0] * len(net.layers)
        self._runs: list[_Run | None] = [None] * len(net.layers)
        for name, shape in net.shapes.items():
            self._memories[name] = Memory((0,), net.context.device)
            self.resize(name, shape)
        for index, (layer, need) in enumerate(zip(net.layers, net.needs, strict=True)):
            self._share(index)
            if isinstance(layer, Source):
                self._fill_once(layer)
            if need.layer:
                self._require_gradients(layer)

    def resize(self, name: str, shape: Shape) -> None:
        """Give a blob another shape. The diff of a loss is its weight in the objective, as in Caffe."""
        memory = self._memories[name]
        memory.resize(shape)
        self._layouts[name] = torch.contiguous_format
        self.data[name], self.diff[name] = memory.tensors()
        if name in self.net.objective.weights:
            memory.diff.fill_(self.net.objective.weights[name])

    def catch_up(self) -> None:
        """Take over the net's blobs if `net.forward` has run in between."""
        if self.net.blobs is self.data:
            return
        for name, values in self.net.blobs.items():
            self._store(name, values)
        for index in range(len(self.net.layers)):
            self._share(index)
        self.net.use_blobs(self.data)

    def reshape(self) -> None:
        """Let all layers adapt to the present shapes of the net's inputs."""
        for index, layer in enumerate(self.net.layers):
            if layer.param.bottom:
                self._adapt(index, layer)

    def forward(self, start: int = 0, end: int | None = None, after: Callable[[int], None] | None = None) -> float:
        """Run the layers from index `start` to `end` (inclusive; None: the last); return the sum of their weighted losses.

        `after` is called with the index of each layer that has run.
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
        """Run the layers from index `start` (None: the last) back to `end`, from the diffs of their tops as they stand."""
        # The blobs whose diff this pass has begun to add up. Their producer's backward pass ends that.
        written: set[str] = set()
        for index in reversed(range(end, len(self.net.layers) if start is None else start + 1)):
            layer, need = self.net.layers[index], self.net.needs[index]
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
        run = self._compute(index, layer)
        loss = 0.0
        for name, top in zip(layer.param.top, run.tops, strict=True):
            if name not in self._filled_once:
                self._store(name, top)
            if name in self.net.objective.weights:
                loss += self.net.objective.value_weight(name) * float(top.detach().sum())
        self._share(index)
        self._runs[index] = run
        return loss

    def _compute(self, index: int, layer: Layer) -> _Run:
        """Compute a layer's tops from its bottoms as they stand, and leave the blobs as they are."""
        need = self.net.needs[index]
        bottoms = []
        for number, (name, needed) in enumerate(zip(layer.param.bottom, need.bottoms, strict=True)):
            # Without a copy, its backward pass reads what later layers write there.
            reads_later = self.net.shared_memory.reads_later(index, number)
            values = self.data[name].data if reads_later else self.data[name].clone(memory_format=self._layouts[name])
            bottoms.append(values.requires_grad_(need.layer and needed))
        with torch.set_grad_enabled(need.layer):
            begun = self._now()
            tops = list(self.net.run(index, bottoms))
            self.forward_seconds[index] = self._now() - begun
        return _Run(bottoms, [top.detach() for top in tops] if self.net.shared_memory.is_cut(index) else tops)

    def _run_back(self, index: int, layer: Layer, written: set[str]) -> None:
        p, objective = layer.param, self.net.objective
        run = self._runs[index]
        if run is None:
            # A caller may begin with backward, from bottoms and diffs that it has filled itself.
            run = self._runs[index] = self._compute(index, layer)
        pairs = [(top, self.diff[name]) for name, top in zip(p.top, run.tops, strict=True) if top.requires_grad]
        written.difference_update(p.top)
        for name in p.top:
            objective.store(name, self.diff[name])
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
                in_place = name in p.top
                self.diff[name].fill_(0.0 if in_place else objective.gradient_weight(name))
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
        """Set the layer up again if the shapes of its bottoms have changed, and resize its tops."""
        if not self.net.adapt(index, [tuple(self.data[name].shape) for name in layer.param.bottom]):
            return
        for name in layer.param.top:
            if tuple(self.data[name].shape) != self.net.shapes[name]:
                self.resize(name, self.net.shapes[name])
        self._share(index)

    def _share(self, index: int) -> None:
        """Let a layer that only passes numbers on show its bottom's memory in its tops, as in Caffe.

        The tops of a Split have their own diffs, and so has one whose bottom has several consumers, because a diff is their sum
        in a net without Splits. The top of a Parameter is its weight, but its diff is a copy.
        """
        node, layer = self.net.graph.nodes[index], self.net.layers[index]
        bottoms, tops = layer.param.bottom, layer.param.top
        if layer.param.type == "Parameter":
            self.data[tops[0]] = layer.blobs[0].detach()
        elif node.passes_on:
            self.data.update((top, self.data[bottoms[0]].view(self.data[top].shape)) for top in tops)
            if (
                layer.param.type != "Split"
                and len(node.bottoms[0].consumers) == 1
                and not self.net.shared_memory.is_cut(index)
            ):
                self.diff[tops[0]] = self.diff[bottoms[0]].view(self.diff[tops[0]].shape)

    def _fill_once(self, layer: Source) -> None:
        for name, values in zip(layer.param.top, layer.filled_once, strict=False):
            if values is not None:
                self._store(name, values)
                self._filled_once.add(name)

    def _require_gradients(self, layer: Layer) -> None:
        """Turn gradients of the layer's weights on, which a net of phase TEST does not have."""
        for index, blob in enumerate(layer.blobs):
            fixed = index < len(layer.param.param) and layer.param.param[index].lr_mult == 0
            # The blobs of BatchNorm are statistics.
            forced = self.net.param.force_backward and layer.param.type != "BatchNorm"
            blob.requires_grad_(forced or not fixed)

    def _now(self) -> float:
        if self.net.context.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()
