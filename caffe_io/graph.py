"""The graph of a net: which layer produces each blob, and which layers consume it.

A layer in place writes new values under an old name. A blob therefore has one `Version` for each layer that writes it.
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


class Port(NamedTuple):
    """One end of an edge: a node, and which of its tops or bottoms."""

    node: Node
    number: int


@dataclass(eq=False)
class Version:
    """The content of blob `name` from one layer that writes it to the next.

    `producer` is None if no layer above a consumer has such a top; `net_check` refuses those nets.
    `loss_weight` is the one that the prototxt gives, 0 without. `previous` and `next` are the same blob's versions before
    and after this one.
    """

    name: str
    producer: Port | None
    loss_weight: float = 0.0
    previous: Version | None = None
    next: Version | None = None
    consumers: list[Port] = field(default_factory=list)

    @property
    def is_split(self) -> bool:
        """Whether Caffe inserts a Split, so that each consumer has its own copy. A loss_weight counts as a consumer."""
        return len(self.consumers) + bool(self.loss_weight) > 1

    def split_name(self, copy: int) -> str:
        """The name that Caffe gives to copy number `copy` of a version that is split. The loss_weight goes with copy 0."""
        assert self.producer is not None
        node, top = self.producer
        return f"{self.name}_{node.layer.name}_{top}_split_{copy}"

    def overwriters(self) -> Iterator[Node]:
        """The later layers that write the same blob, in order."""
        version = self.next
        while version is not None:
            if version.producer is not None:
                yield version.producer.node
            version = version.next


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
                version.previous.next = version
            self.blobs[name] = version
            node.tops.append(version)
        if not node.tops and layer_type(node.layer.type).is_loss:
            taken = sum(version.name.startswith("(automatic") for version in self.versions())
            name = f"(automatic {taken + 1})" if taken else "(automatic)"
            node.tops.append(Version(name, Port(node, 0), weights.get(0, 0.0)))
