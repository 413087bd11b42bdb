"""The devices that a network can run on, and the choice of one.

A device is opened with the cards of all networks. It then turns the tensor of one network into that network's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common.errors import MokaError, UsageError
from common.messages import known_names

from ..errors import DeviceError
from .usb import STICK_IDS, SYSFS, find_sticks, has_usb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

PRECISIONS = ("bf16", "f32")
HINTS = ("latency", "throughput")
"""What a device is set up for: one face soonest, or most faces a second."""


class Device(Protocol):
    """An open device. `runtime` and `precision` say what computes and how exactly.

    `refused` holds the cards (by path) whose networks it could not load, and why.
    """

    name: str
    runtime: str
    precision: str
    refused: dict[Path, MokaError]

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        ...

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor, several at a time; return their values in the same order."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


@dataclass(frozen=True)
class Choice:
    """A device and the reason for it."""

    name: str
    why: str


def choose(requested: str, sysfs: Path = SYSFS) -> Choice:
    """Choose the device for `requested`: auto, or a name of DEVICES, in upper or lower case.

    Raises UsageError for an unknown name, DeviceError for MYRIAD without a stick or without a tool chain.
    """
    from .myriad import NO_STICK, worker_python

    name = requested.upper()
    if name not in (*DEVICES, "AUTO"):
        raise UsageError(f"--device {requested}: unknown. {known_names(requested, ['auto', *DEVICES])}")
    if name == "CPU":
        return Choice("CPU", "asked for")
    sticks = find_sticks(sysfs)
    if name == "MYRIAD":
        # Without Linux's sysfs, only opening the stick shows whether there is one.
        if not sticks and has_usb(sysfs):
            raise DeviceError(NO_STICK)
        worker_python()
        return Choice("MYRIAD", "asked for")
    if not sticks:
        return Choice("CPU", f"no Movidius stick on USB ({', '.join(STICK_IDS)})")
    try:
        worker_python()
    except DeviceError as error:
        return Choice("CPU", f"stick {sticks[0]} found, but {error}")
    return Choice("MYRIAD", f"stick {sticks[0]} found")


def open_device(name: str, cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency") -> Device:
    """Load the networks of `cards` onto a device. `precision` (f32, bf16) is for the CPU; a stick computes in FP16.

    `hint` is one of HINTS; a stick does not need it. Raises what a network is refused for if none is loaded.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: unknown. {known_names(precision, PRECISIONS)}")
    device = DEVICES[name](cards, precision, hint)
    if len(device.refused) == len(cards):
        from common.card import leave_out

        device.close()
        leave_out(list(device.refused.values()), False, cards[0].path.parent)
    return device


def _open_cpu(cards: Sequence[ModelCard], precision: str, hint: str) -> Device:
    from .cpu import CpuDevice

    return CpuDevice(cards, precision, hint)


def _open_myriad(cards: Sequence[ModelCard], precision: str, hint: str) -> Device:
    from .myriad import MyriadDevice

    if precision != "f32":
        raise UsageError(
            f"--precision {precision}: is for the CPU; a stick computes in FP16. Leave it out, or add --device CPU."
        )
    return MyriadDevice(cards)


DEVICES: dict[str, Callable[[Sequence[ModelCard], str, str], Device]] = {"CPU": _open_cpu, "MYRIAD": _open_myriad}
