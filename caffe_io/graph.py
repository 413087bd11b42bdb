"""The graph of a net: which layer produces each blob, and which layers consume it.

A layer in place writes new values under an old name. A blob therefore has one `Version` for each layer that writes it. The
versions of a blob are in one `Memory`, and so are blobs that Caffe lets share their numbers, as Flatten's bottom and top do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .caffe_pb2 import LayerParameter, NetParameter
from .layer_types import layer_type


@dataclass(eq=False)
class Node:
    """A layer, with the versions of the blobs that it reads and writes.

    `tops` has one more than `layer.top` if the layer is a loss that names no top: Caffe adds one, which no layer can read.
    """

    index: int
    layer: LayerParameter
    bottoms: list[Version] = field(default_factory=list)
    tops: list[Version] = field(default_factory=list)

    @property
    def in_place(self) -> bool:
        """Whether its first top overwrites its first bottom."""
        return bool(self.bottoms and self.tops) and self.tops[0].previous is self.bottoms[0]

    @property
    def passes_on(self) -> bool:
        """Whether its tops are its only bottom's memory, under other names and in other shapes."""
        layer = self.layer
        alone = len(layer.bottom) == 1 and (len(layer.top) == 1 or layer.type == "Split")
        return alone and layer_type(layer.type).passes_on


class Port(NamedTuple):
    """One end of an edge: a node, and which of its tops or bottoms."""

    node: Node
    number: int


@dataclass(eq=False)
class Memory:
    """What a blob's numbers are stored in, and those of the blobs that share them in Caffe.

    `writers` are the layers in place on one of these blobs, in order. `shared_from` is the index of the first layer that shares
    it: between its bottom and its top, or between two forward passes.
    """

    writers: list[Node] = field(default_factory=list)
    shared_from: int | None = None

    @property
    def spreads(self) -> bool:
        """Whether a layer in place writes more than its own blob."""
        return self.shared_from is not None and any(writer.index > self.shared_from for writer in self.writers)

    def share(self, index: int) -> None:
        """Note that the layer of this index shares it."""
        if self.shared_from is None:
            self.shared_from = index


@dataclass(eq=False)
class Version:
    """The content of blob `name` from one layer that writes it to the next.

    `producer` is None if no layer above a consumer has such a top; `net_check` refuses those nets.
    `loss_weight` is the one that the prototxt gives, 0 without. `previous` is the same blob's version before this
    one.
    """

    name: str
    producer: Port | None
    loss_weight: float = 0.0
    previous: Version | None = None
    consumers: list[Port] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    @property
    def is_split(self) -> bool:
        """Whether Caffe inserts a Split, so that each consumer has its own copy. A loss_weight counts as a consumer."""
        return len(self.consumers) + bool(self.loss_weight) > 1

    @property
    def is_mask(self) -> bool:
        """Whether it is the second top of a Pooling."""
        return self.producer is not None and self.producer.number == 1 and self.producer.node.layer.type == "Pooling"

    def split_name(self, copy: int) -> str:
        """The name that Caffe gives to copy number `copy` of a version that is split. The loss_weight goes with copy 0."""
        assert self.producer is not None
        node, top = self.producer
        return f"{self.name}_{node.layer.name}_{top}_split_{copy}"

    def overwriters(self) -> list[Node]:
        """The later layers in place that overwrite it, in order."""
        made = -1 if self.producer is None else self.producer.node.index
        return [writer for writer in self.memory.writers if writer.index > made]


class NetGraph:
    """The graph of `net`, which is of one phase (from `filter_net`); built in one walk over its layers.

    `nodes` are in the order of the layers of `net`. `blobs` maps each name to its last version, in the order of first production.
    Any net has a graph; `net_check.check_net` says whether Caffe would run it.
    """

    def __init__(self, net: NetParameter) -> None:
        self.net = net
        self.nodes: list[Node] = []
        self.blobs: dict[str, Version] = {}
        for layer in net.layer:
            node = Node(len(self.nodes), layer)
            self._read_bottoms(node)
            self._write_tops(node)
            self.nodes.append(node)

    def versions(self) -> Iterator[Version]:
        """All versions that a layer produces, in order."""
        return (version for node in self.nodes for version in node.tops)

    def outputs(self) -> list[Version]:
        """The versions that no layer consumes, in the order of production: the net's outputs."""
        return [version for version in self.versions() if not version.consumers]

    def last_uses(self, kept: Collection[str] = ()) -> list[list[str]]:
        """For each layer, the names of the blobs that no later layer reads or writes. Outputs and `kept` are in no list."""
        names: list[list[str]] = [[] for _ in self.nodes]
        for name, version in self.blobs.items():
            if version.consumers and name not in kept:
                names[version.consumers[-1].node.index].append(name)
        return names

    def _read_bottoms(self, node: Node) -> None:
        for index, name in enumerate(node.layer.bottom):
            version = self.blobs.setdefault(name, Version(name, None))
            version.consumers.append(Port(node, index))
            node.bottoms.append(version)

    def _write_tops(self, node: Node) -> None:
        weights = dict(enumerate(node.layer.loss_weight))
        for index, name in enumerate(node.layer.top):
            version = Version(name, Port(node, index), weights.get(index, 0.0), self.blobs.get(name))
            if version.previous is not None:
                version.memory = version.previous.memory
                version.memory.writers.append(node)
            elif node.passes_on:
                version.memory = node.bottoms[0].memory
                version.memory.share(node.index)
            elif layer_type(node.layer.type).keeps_top:
                version.memory.share(node.index)
            self.blobs[name] = version
            node.tops.append(version)
        if not node.tops and layer_type(node.layer.type).is_loss:
            taken = sum(version.name.startswith("(automatic") for version in self.versions())
            name = f"(automatic {taken + 1})" if taken else "(automatic)"
            node.tops.append(Version(name, Port(node, 0), weights.get(0, 0.0)))
