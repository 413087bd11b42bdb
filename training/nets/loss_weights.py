"""Which blobs count in a net's objective, and how much: Caffe's rules, from LossLayer, InsertSplits and Layer::Forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..layers import Layer


@dataclass
class Losses:
    """`weights`: blob -> its weight in the objective and its gradient.

    A blob with a loss_weight that other layers take as well goes through a split layer in Caffe, which bears the weight in
    place of the layer that makes the blob. So the copy of it is an output of the net (`splits`: the copy's name -> blob),
    weights for other tops of that layer are lost, and a loss layer, now without a weight of its own, has the default one and
    counts once more in the objective's value, not in its gradient (`again`).
    """

    weights: dict[str, float] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    splits: dict[str, str] = field(default_factory=dict)


def find_losses(layers: Sequence[Layer]) -> Losses:
    """The losses among the tops of `layers`, which are those of a whole net."""
    losses, taken = Losses(), _taken(layers)
    for index, layer in enumerate(layers):
        given = list(layer.param.loss_weight)
        split = [number for number, weight in enumerate(given) if weight and (index, number) in taken]
        for number in split:
            top = layer.param.top[number]
            losses.weights[top] = given[number]
            losses.splits[f"{top}_{layer.name}_{number}_split_0"] = top
            if layer.is_loss:
                losses.again.add(top)
        if not split:
            given = given or [1.0 if layer.is_loss else 0.0]
            losses.weights.update((top, w) for top, w in zip(layer.param.top, given, strict=False) if w)
    return losses


def _taken(layers: Sequence[Layer]) -> set[tuple[int, int]]:
    """The tops, by the indices of layer and top, that another layer takes."""
    made: dict[str, tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for index, layer in enumerate(layers):
        taken.update(made[name] for name in layer.param.bottom)
        made.update((name, (index, number)) for number, name in enumerate(layer.param.top))
    return taken
