"""Blobs that share memory in Caffe: what a layer in place writes into one of them is read from all of them.

The top of Flatten and Reshape is its bottom's memory, and so are the tops of the Split that Caffe inserts after a blob with
several consumers. In Sigmoid -> Flatten -> TanH in place, TanH overwrites Sigmoid's top, too. Layers that run later find the new
numbers there: other consumers of that top, and all backward passes that read it.

Such a memory is one here, too, behind PyTorch's back. A layer computes from a copy unless Caffe's backward pass reads its bottom.
Nets without a layer in place on shared memory run as if this module did not exist.

A diff is shared as well, which loses one. Reshape takes its bottom's diff as its top's before the forward pass, and Flatten takes
its top's as its bottom's in the backward pass. In Reshape -> Flatten, nothing then connects the diff that Flatten leaves with the
one that the layer before Reshape reads. That one stays 0, here too unless Context.caffe_bugs is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from caffe_io.graph import NetGraph, Node
from caffe_io.layer_types import layer_type

from ..layers import Context


@dataclass
class _Access:
    """What a layer does to shared memory: the bottoms that it reads as copies, the tops it begins, and those it overwrites."""

    copied: set[int] = field(default_factory=set)
    begun: list[int] = field(default_factory=list)
    overwritten: list[int] = field(default_factory=list)


class SharedMemory:
    """Runs the layers of `graph` so that blobs share memory where it matters.

    `cut` maps the index of each layer that Caffe's gradient does not pass to that of the Flatten that is the reason.
    """

    def __init__(self, graph: NetGraph, context: Context) -> None:
        self._context = context
        self._accesses = {node.index: _access(node) for node in graph.nodes if _meets_shared(node)}
        self.cut = _find_cut(graph)

    def run(
        self, index: int, bottoms: list[Tensor], run: Callable[[int, list[Tensor]], Sequence[Tensor]]
    ) -> Sequence[Tensor]:
        """Return the tops of `run`, which runs the layer of this index on its bottoms."""
        access = self._accesses.get(index)
        if access is None:
            tops = run(index, bottoms)
        else:
            copied = [bottom.clone() if number in access.copied else bottom for number, bottom in enumerate(bottoms)]
            tops = self.begin(index, run(index, copied))
            for number in access.overwritten:
                tops[number] = _Written.apply(tops[number], bottoms[number])  # type: ignore[no-untyped-call]
        return [top.detach() for top in tops] if self.is_cut(index) else tops

    def begin(self, index: int, tops: Sequence[Tensor]) -> list[Tensor]:
        """Return the tops of a layer, with memory of their own for those that others will share."""
        access = self._accesses.get(index, _Access())
        return [
            top.clone(memory_format=torch.contiguous_format) if number in access.begun else top
            for number, top in enumerate(tops)
        ]

    def reads_later(self, index: int, number: int) -> bool:
        """Whether the layer's backward pass reads this bottom as later layers leave it."""
        access = self._accesses.get(index)
        return access is not None and number not in access.copied

    def is_cut(self, index: int) -> bool:
        """Whether Caffe's gradient does not pass this layer."""
        return index in self.cut and self._context.caffe_bugs


class _Written(torch.autograd.Function):
    """Writes a top into the memory of its bottom. PyTorch does not count it as a change of the bottom."""

    @staticmethod
    def forward(ctx: Any, top: Tensor, bottom: Tensor) -> Tensor:
        memory = bottom.data
        memory.copy_(top)
        return memory

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _meets_shared(node: Node) -> bool:
    return not node.passes_on and any(version.memory.spreads for version in (*node.bottoms, *node.tops))


def _access(node: Node) -> _Access:
    access = _Access()
    for number, version in enumerate(node.bottoms):
        own = any(top.previous is version for top in node.tops)
        if version.memory.spreads and (own or not layer_type(node.layer.type).backward_reads_bottom):
            access.copied.add(number)
    for number, version in enumerate(node.tops):
        if version.previous is None:
            if not layer_type(node.layer.type).keeps_top:
                access.begun.append(number)
        elif version.memory.spreads:
            access.overwritten.append(number)
    return access


def _find_cut(graph: NetGraph) -> dict[int, int]:
    """Find the layers that share their bottom's (or weight's) diff with the top that a Flatten gives its own."""
    cut = {}
    for node in graph.nodes:
        version = node.bottoms[0] if node.bottoms else None
        if node.layer.type != "Flatten" or version is None or version.is_split:
            continue
        while version.previous is not None:
            version = version.previous
        if version.producer is None:
            continue
        maker = version.producer.node
        shares = maker.passes_on and maker.layer.type not in ("Flatten", "Split")
        if shares or maker.layer.type == "Parameter":
            cut[maker.index] = node.index
    return cut
