"""Which layers of a net need a backward pass, and for which of their bottoms: Caffe's rules, from Net::Init.

They matter where autograd alone would do too much or too little: propagate_down, force_backward, and nets without a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..layers import Layer

_BLIND = {"ContrastiveLoss": 2, "EuclideanLoss": None}  # the bottom that force_backward leaves alone; other losses: 1


@dataclass
class Need:
    """Of one layer: whether it needs a backward pass at all, and which bottoms need a gradient."""

    layer: bool
    bottoms: list[bool]


@dataclass
class _Version:
    """The content of a blob between two layers that write it."""

    needed: bool  # a weight above it learns
    users: list[tuple[int, int]] = field(default_factory=list)  # layer, and which of its bottoms
    under_loss: bool = False


def backward_needs(layers: Sequence[Layer], losses: Mapping[str, float], force: bool) -> list[Need]:
    """One Need for each layer. `losses`: top -> loss weight; `force`: the net's force_backward."""
    needs, tops = _look_down(layers)
    for index in reversed(range(len(layers))):
        need, layer = needs[index], layers[index]
        unwanted = all(v.users and not any(needs[i].bottoms[j] for i, j in v.users) for v in tops[index])
        if need.layer and unwanted:
            need.layer, need.bottoms = False, [False] * len(need.bottoms)
        useful = any(v.under_loss for v in tops[index]) or any(losses.get(name) for name in layer.param.top)
        need.layer &= useful
        if not useful:
            need.bottoms = [False] * len(need.bottoms)
        for version in (v for versions in tops for v in versions if any(i == index for i, _ in v.users)):
            version.under_loss |= useful
    if force:
        for need, layer in zip(needs, layers, strict=True):
            need.layer = True
            need.bottoms = [_may_force(layer, j) or wanted for j, wanted in enumerate(need.bottoms)]
    return needs


def _look_down(layers: Sequence[Layer]) -> tuple[list[Need], list[list[_Version]]]:
    """From the first layer to the last: what lies above a weight that learns."""
    blobs: dict[str, _Version] = {}
    needs, tops = [], []
    for index, layer in enumerate(layers):
        p = layer.param
        bottoms = [blobs[name] for name in p.bottom]
        for number, version in enumerate(bottoms):
            version.users.append((index, number))
        learns = any(p.param[i].lr_mult != 0 if i < len(p.param) else True for i in range(len(layer.blobs)))
        needed = learns or any(version.needed for version in bottoms)
        needs.append(Need(needed, list(p.propagate_down) or [version.needed for version in bottoms]))
        tops.append([_Version(needed) for _ in p.top])
        blobs.update(zip(p.top, tops[-1], strict=True))
    return needs, tops


def _may_force(layer: Layer, bottom: int) -> bool:
    return not layer.is_loss or bottom != _BLIND.get(layer.param.type, 1)
