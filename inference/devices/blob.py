"""The blob itself, computed on this machine as a stick would: what a stick will answer, before there is one.

Each number is rounded to the chip's FP16 wherever the chip stores one. docs/devices.md says what is not known about the chip.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import LOGGER
from common.errors import CardError, MokaError
from common.messages import COMPILE_AGAIN, shape_text
from common.places import make_toolchain
from common.process.cores import cores

from .look import Look
from .usb import SYSFS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard
    from myriad.execution import Machine, Outcome

COMPUTES = "this machine computes the blob in the chip's FP16"
MOST_THREADS = 4
"""Each of them needs memory for a network's largest layer."""

_logger = logging.getLogger(LOGGER)


class BlobDevice:
    """Networks that this machine computes from their blobs, with numpy."""

    name = "BLOB"
    precision = "FP16"

    def __init__(self, cards: Sequence[ModelCard]) -> None:
        import numpy as np

        self.runtime = f"numpy {np.__version__}"
        self.refused: dict[Path, MokaError] = {}
        self._machines: dict[Path, Machine] = {}
        self._overflowed: set[str] = set()
        self._threads = ThreadPoolExecutor(min(MOST_THREADS, cores()), "blob")
        for card in cards:
            try:
                self._machines[card.path] = _open(card)
            except MokaError as error:
                self.refused[card.path] = error

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        return self.infer_many(card, [tensor])[0]

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor, several at a time; return their values in the same order.

        Warns once of each stage whose numbers are too large for FP16.
        """
        machine = self._machines[card.path]
        feeds = [{card.input.blob: tensor} for tensor in tensors]
        try:
            # A single one needs no thread of its own.
            outcomes = list(map(machine.run, feeds) if len(feeds) == 1 else self._threads.map(machine.run, feeds))
        except MokaError as error:
            raise CardError(str(error)) from error
        for outcome in outcomes:
            self._warn_of_overflows(machine, outcome)
        return [outcome.outputs for outcome in outcomes]

    def close(self) -> None:
        """Release the networks."""
        self._threads.shutdown(cancel_futures=True)
        self._machines.clear()

    def _warn_of_overflows(self, machine: Machine, outcome: Outcome) -> None:
        for overflow in outcome.overflows:
            where = f"{machine.blob.path}: {overflow.stage}"
            if where not in self._overflowed:
                self._overflowed.add(where)
                _logger.warning(
                    "%s gives %d numbers that are too large for FP16 (65504), so a stick's answers may be wrong. "
                    "Train with smaller activations, or scale the layer's weights.",
                    where,
                    overflow.count,
                )


def _open(card: ModelCard) -> Machine:
    """Read the blob of a card. Raises CardError unless it is the one that the card describes, BlobError if it cannot be run."""
    from myriad import read_blob
    from myriad.execution import Machine

    if not card.blob_path:
        raise CardError(
            f"{card.path}: has no blob, which --device BLOB computes. Install the compiler "
            f"({make_toolchain('movidius')}). {COMPILE_AGAIN}"
        )
    card.check_file(card.blob_path)
    blob = read_blob(card.blob_path)
    # An entry of a blob for several pictures shows one.
    batch = max(1, blob.header.batch)
    inputs = {entry.name: [entry.shape.dim("N") * batch, *map(entry.shape.dim, "CHW")] for entry in blob.inputs}
    outputs = [entry.name for entry in blob.outputs]
    wanted = card.device_blobs
    if inputs != {card.input.blob: card.input.shape} or not set(wanted) <= set(outputs):
        found = ", ".join(f'"{name}" of {shape_text(shape)}' for name, shape in inputs.items())
        raise CardError(
            f"{card.blob_path}: takes {found} and gives {', '.join(sorted(outputs))}, but {card.path} describes "
            f'"{card.input.blob}" of {shape_text(card.input.shape)} and {", ".join(wanted)}. {COMPILE_AGAIN}'
        )
    return Machine(blob)


def look(sysfs: Path = SYSFS) -> Look:
    """It needs numpy alone, which is always there."""
    import numpy as np

    return Look(True, True, f"numpy {np.__version__} computes blobs as a stick does, in FP16")


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> BlobDevice:
    """Read the blobs."""
    return BlobDevice(cards)
