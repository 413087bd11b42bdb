"""A device on which networks run that were cut, and this machine, which computes the rest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from common.errors import CardError
from host.rest import Rest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard
    from common.errors import MokaError


class Opened(Protocol):
    """What is used of an open device (inference/devices/)."""

    name: str
    runtime: str
    precision: str
    refused: dict[Path, MokaError]

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor; return their values in the same order."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class FinishedDevice:
    """Another `device`, whose values are those of the whole networks of `cards`."""

    def __init__(self, device: Opened, cards: Sequence[ModelCard]) -> None:
        self.device = device
        self.name = device.name
        self.runtime = device.runtime
        self.precision = device.precision
        self.refused = device.refused
        self._rests: dict[Path, Rest] = {}
        for card in cards:
            if card.host and card.path not in self.refused:
                try:
                    self._rests[card.path] = Rest(card.host, card.path)
                except CardError as error:
                    self.refused[card.path] = error

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        return self.infer_many(card, [tensor])[0]

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor, several at a time; return their values in the same order."""
        return [self.finish(card, values) for values in self.device.infer_many(card, tensors)]

    def finish(self, card: ModelCard, values: Mapping[str, NDArray[np.float32]]) -> Mapping[str, NDArray[np.float32]]:
        """Return the values of the whole network, given those of its part on the device."""
        rest = self._rests.get(card.path)
        return rest.finish(values) if rest else values

    def close(self) -> None:
        """Release the device."""
        self.device.close()
