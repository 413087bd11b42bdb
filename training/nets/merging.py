"""BatchNorm and the Scale in place after it, computed as one layer: that passes over the numbers once, not twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from caffe_io.graph import NetGraph, Node

from ..layers import Layer
from ..layers.normalisation import BatchNorm
from ..layers.scaling import Scale

Forward = Callable[[list[Tensor]], Sequence[Tensor]]


def merged_layers(graph: NetGraph, layers: Sequence[Layer]) -> dict[int, Forward]:
    """Return the index of a layer -> what computes its tops. BatchNorm hands its bottom on; Scale does the work of both."""
    merged: dict[int, Forward] = {}
    for node in graph.nodes:
        before = _overwritten_by(node)
        if before is None:
            continue
        norm, scale = layers[before.index], layers[node.index]
        if isinstance(norm, BatchNorm) and not norm.scales_too and isinstance(scale, Scale) and scale.is_channelwise:
            merged[before.index] = list
            merged[node.index] = _normalise_and_scale(norm, scale)
    return merged


def _overwritten_by(node: Node) -> Node | None:
    """Return the layer whose top `node` overwrites; net_check sees to it that no other layer reads it."""
    version = node.bottoms[0] if node.in_place else None
    if version is None or version.producer is None or version.memory.spreads:
        return None
    return version.producer.node


def _normalise_and_scale(norm: BatchNorm, scale: Scale) -> Forward:
    return lambda bottoms: [norm.normalise(bottoms[0], *scale.factor_and_bias())]
