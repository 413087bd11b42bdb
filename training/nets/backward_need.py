"""Which layers of a net need a backward pass, and for which of their bottoms: the rules of Caffe's Net::Init.

Autograd alone would compute too much or too little with propagate_down, with force_backward, and without a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caffe_io.graph import NetGraph, Version
from caffe_io.layer_types import layer_type


@dataclass
class Need:
    """Whether a layer needs a backward pass, and which of its bottoms need a gradient."""

    layer: bool
    bottoms: list[bool]


def backward_needs(
    graph: NetGraph, learns: Sequence[bool], loss_weights: Mapping[str, float], force: bool
) -> list[Need]:
    """Return the Need of each layer.

    `learns` says of each layer whether a weight of its own has a learning rate, `loss_weights` which tops count in the
    objective. `force` is the net's force_backward.
    """
    needs = _needs_of_weights(graph, learns)
    _drop_useless(graph, needs, loss_weights)
    if force:
        for node, need in zip(graph.nodes, needs, strict=True):
            skipped = layer_type(node.layer.type).force_backward_skips
            need.layer = True
            need.bottoms = [index != skipped or needed for index, needed in enumerate(need.bottoms)]
    return needs


def detached_bottoms(graph: NetGraph, needs: Sequence[Need]) -> list[list[int]]:
    """Return for each layer the bottoms that propagate_down cuts off from the gradient. force_backward overrules some."""
    detached = []
    for node, need in zip(graph.nodes, needs, strict=True):
        passed = zip(node.layer.propagate_down, need.bottoms, strict=False)
        detached.append([number for number, (passes, needed) in enumerate(passed) if not passes and not needed])
    return detached


def _needs_of_weights(graph: NetGraph, learns: Sequence[bool]) -> list[Need]:
    """Find the layers and bottoms at or after a weight that learns; a layer's propagate_down overrules that."""
    needs: list[Need] = []
    needed: set[Version] = set()
    for node, learning in zip(graph.nodes, learns, strict=True):
        bottoms = [bottom in needed for bottom in node.bottoms]
        need = Need(learning or any(bottoms), list(node.layer.propagate_down) or bottoms)
        if need.layer:
            needed.update(node.tops)
        needs.append(need)
    return needs


def _drop_useless(graph: NetGraph, needs: Sequence[Need], loss_weights: Mapping[str, float]) -> None:
    """Drop the needs of layers that lead to no loss, or whose tops get a gradient from no consumer."""
    leads_to_loss: set[Version] = set()
    for node in reversed(graph.nodes):
        need = needs[node.index]
        useful = any(top in leads_to_loss or loss_weights.get(top.name) for top in node.tops)
        if useful:
            leads_to_loss.update(node.bottoms)
        blocked = all(top.consumers and not _receives_gradient(top, needs) for top in node.tops)
        if not useful or (need.layer and blocked):
            need.layer = False
            need.bottoms = [False] * len(need.bottoms)


def _receives_gradient(version: Version, needs: Sequence[Need]) -> bool:
    return any(needs[consumer.index].bottoms[number] for consumer, number in version.consumers)
