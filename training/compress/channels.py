"""The channels of a net: which layer makes each, which weights belong to it, and which must go together.

A channel is one output of a layer with filters. It has a number of its own in the whole net, the same in all prototxts and
phases. `flow` walks through the graphs and notes here what it finds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from caffe_io.caffe_pb2 import LayerParameter

from .model import Model

Numbers = npt.NDArray[np.int64]
"""The numbers of channels, in the order of an axis."""
Kept = npt.NDArray[np.bool_]
"""For each number of a channel, whether it stays."""
Resize = Callable[[LayerParameter, Kept], None]
"""Writes the new sizes into a layer."""


class Channels:
    """All channels of `model`, and what was noted about them.

    `tops` maps the name of a blob of the deploy net to the length of its axis 1.
    """

    def __init__(self, model: Model, tops: dict[str, int]) -> None:
        self.model = model
        self.tops = tops
        self.made: dict[str, Numbers] = {}
        self.filters: dict[str, int] = {}
        self.gammas: dict[str, Numbers] = {}
        self.uses: dict[tuple[str, int, int], Numbers] = {}
        self.resizes: dict[str, list[tuple[Resize, Numbers]]] = {}
        self.refused: dict[str, str] = {}
        self._unknown_uses: set[tuple[str, int, int]] = set()
        self._links: list[tuple[Numbers, Numbers]] = []
        self._reasons: list[str] = []
        self._frozen: list[tuple[Numbers, int]] = []
        self._count = 0

    def make(self, layer: str, count: int, axis: int) -> Numbers:
        """Return the channels that a layer makes; its filters lie along `axis` of its first blob."""
        if layer not in self.made:
            self.made[layer] = np.arange(self._count, self._count + count)
            self.filters[layer] = axis
            self._count += count
        return self.made[layer]

    def use(self, layer: str, blob: int, axis: int, numbers: Numbers | None) -> None:
        """Note that the axis of a weight goes along with these channels; None if they are not followed."""
        key = (layer, blob, axis)
        if numbers is None:
            self._unknown_uses.add(key)
        elif key not in self.uses:
            self.uses[key] = numbers
        else:
            self.link(self.uses[key], numbers)

    def resize(self, layer: str, function: Resize, numbers: Numbers) -> None:
        """Note that `function` has to write new sizes into the layer if one of these channels goes."""
        self.resizes.setdefault(layer, []).append((function, numbers))

    def link(self, one: Numbers, other: Numbers) -> None:
        """Note that channels at the same place stay or go together."""
        if len(one) == len(other):
            self._links.append((one, other))
        else:
            self.freeze(one, "the prototxts differ in who reads it.")
            self.freeze(other, "the prototxts differ in who reads it.")

    def freeze(self, numbers: Numbers | None, reason: str) -> None:
        """Note that these channels must stay."""
        if numbers is not None and len(numbers):
            self._frozen.append((numbers, len(self._reasons)))
            self._reasons.append(reason)

    def refuse(self, layer: str, reason: str) -> None:
        """Note that a layer cannot be followed: the channels that it makes elsewhere stay, too."""
        self.refused.setdefault(layer, reason)

    def close(self) -> None:
        """Freeze what one prototxt follows and another does not."""
        for layer, reason in self.refused.items():
            self.freeze(self.made.get(layer), reason)
            for _, numbers in self.resizes.get(layer, ()):
                self.freeze(numbers, reason)
            for (name, _, _), numbers in self.uses.items():
                if name == layer:
                    self.freeze(numbers, reason)
        for key in self._unknown_uses & self.uses.keys():
            self.freeze(self.uses[key], f'layer "{key[0]}" reads something else in another prototxt or phase.')

    @cached_property
    def groups(self) -> Numbers:
        """For each channel, the lowest number of those that stay or go with it."""
        groups = np.arange(self._count)
        while True:
            before = groups.copy()
            for one, other in self._links:
                lower = np.minimum(groups[one], groups[other])
                np.minimum.at(groups, one, lower)
                np.minimum.at(groups, other, lower)
            groups = groups[groups]
            if np.array_equal(groups, before):
                return groups

    @cached_property
    def _reason_of_group(self) -> Numbers:
        reasons = np.full(self._count, -1)
        for numbers, reason in reversed(self._frozen):
            reasons[self.groups[numbers]] = reason
        return reasons

    def why_not(self, layer: str) -> str:
        """Say why the channels that a layer makes have to stay; empty if they may go."""
        if layer not in self.made:
            return self.refused.get(layer, "it makes no channels; only layers with filters do.")
        groups = self.groups[self.made[layer]]
        frozen = self._reason_of_group[groups]
        if (frozen >= 0).any():
            return self._reasons[int(frozen[frozen >= 0].min())]
        if len(set(np.unique(groups, return_counts=True)[1])) > 1:
            return "the net ties some of its channels to each other, and others not."
        return ""

    def makers(self) -> list[str]:
        """The layers that make channels, or would if the net did not refuse it."""
        kinds = ("Convolution", "Deconvolution", "InnerProduct")
        known = [layer.name for layer in self.model.layers() if layer.type in kinds]
        return [name for name in known if name in self.made or name in self.refused]

    def tied(self, layer: str) -> list[str]:
        """The other layers whose channels go with those of `layer`."""
        groups = self.groups[self.made[layer]]
        return [name for name, made in self.made.items() if name != layer and np.isin(self.groups[made], groups).any()]
