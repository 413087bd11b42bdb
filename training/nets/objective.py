"""The objective of a net: which blobs count in it, and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from caffe_io.graph import NetGraph
from caffe_io.layer_types import layer_type

from .backward_need import Need


class Objective:
    """The weighted sum of a net's losses, by the rules of Caffe's LossLayer, InsertSplits and Layer::Forward.

    `weights` maps each loss to its weight.

    If a blob with a loss_weight has other consumers, Caffe inserts a Split and moves the weight onto it. Three things follow:
    1. The Split's first copy is an output of the net. `copies` maps its name to the blob.
    2. The weights of the layer's other tops are lost.
    3. A loss layer is left without a weight, so it gets the default 1. Its value then counts once more, its gradient does not.

    Caffe stores a loss's weight in its top's diff. If another layer consumes that loss, backward overwrites the weight: it is
    1 on the first pass and the last gradient afterwards. `stored` maps those losses to what their diff holds. Those in
    `overwritten` have no other weight, so that only the consumers' gradient reaches them.
    """

    def __init__(self, graph: NetGraph) -> None:
        self.weights: dict[str, float] = {}
        self.copies: dict[str, str] = {}
        self.stored: dict[str, float] = {}
        self.overwritten: set[str] = set()
        self._graph = graph
        for node in graph.nodes:
            is_loss = layer_type(node.layer.type).is_loss
            split = [top for top in node.tops if top.loss_weight and top.is_split]
            for top in split:
                self.weights[top.name] = top.loss_weight
                self.copies[top.split_name(0)] = top.name
                if is_loss:
                    self.stored[top.name] = 1.0
            if not split:
                weights = list(node.layer.loss_weight) or [float(is_loss)]
                self.weights.update((top.name, w) for top, w in zip(node.tops, weights, strict=False) if w)

    def find_overwritten(self, needs: Sequence[Need]) -> None:
        """Find the losses without a loss_weight that receive a gradient from a consumer. `needs` has one Need a layer."""
        received: set[str] = set()
        for node, need in zip(self._graph.nodes, needs, strict=True):
            if need.layer:
                received.update(
                    bottom.name for bottom, needed in zip(node.bottoms, need.bottoms, strict=True) if needed
                )
        for node in self._graph.nodes:
            if layer_type(node.layer.type).is_loss and not node.layer.loss_weight:
                self.overwritten.update(received.intersection(top.name for top in node.tops))
        self.stored.update(dict.fromkeys(self.overwritten, 1.0))

    def outputs(self) -> list[str]:
        """The names of the net's outputs in Caffe's order, which is alphabetical."""
        return sorted({*self.copies, *(version.name for version in self._graph.outputs())})

    def gradient_weight(self, name: str) -> float:
        """The weight of a blob in the gradient of the objective; 0 if it is no loss."""
        return 0.0 if name in self.overwritten else self.weights.get(name, 0.0)

    def value_weight(self, name: str) -> float:
        """The weight of a blob in the value of the objective; 0 if it is no loss."""
        return self.gradient_weight(name) + self.stored.get(name, 0.0)

    def store(self, name: str, gradient: Tensor) -> None:
        """Keep the gradient that a loss received, as its diff does in Caffe; a no-op unless its weight is stored there."""
        if name in self.stored:
            self.stored[name] = float(gradient.sum())

    def evaluate(self, blobs: Mapping[str, Tensor], device: torch.device) -> Tensor:
        """Return the objective, a scalar, for the blobs of a forward pass."""
        total = torch.zeros((), device=device)
        for name, weight in self.weights.items():
            value = blobs[name].float().sum()
            if name not in self.overwritten:
                total = total + weight * value
            if name in self.stored:
                total = total + self.stored[name] * value.detach()
                if value.requires_grad:
                    blobs[name].register_hook(partial(self.store, name))  # type: ignore[no-untyped-call]
        return total
