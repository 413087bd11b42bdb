"""The devices that a network can run on, and the choice of one.

A device is opened with the cards of all networks. It then turns the tensor of one network into that network's outputs.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from common.errors import MokaError, UsageError
from common.messages import known_names

from ..errors import DeviceError
from .look import Look
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


class DeviceModule(Protocol):
    """What a module of a device has. `COMPUTES` says which precision it has: "a stick computes in FP16"."""

    COMPUTES: str

    def look(self, sysfs: Path = SYSFS) -> Look:
        """Look for the device without opening it."""
        ...

    def open_device(self, cards: Sequence[ModelCard], precision: str, hint: str) -> Device:
        """Load the networks of `cards` onto it."""
        ...


DEVICES = {
    "MYRIAD": "myriad",
    "OAK": "oak",
    "GPU": "intel.gpu",
    "NPU": "intel.npu",
    "CPU": "cpu",
    "OPENCV": "opencv_dnn",
    "BLOB": "blob",
}
"""Name -> module. `auto` takes the first that is there, down to the CPU; those after it have to be asked for."""


def device_module(name: str) -> DeviceModule:
    """Import the module of a device."""
    return cast("DeviceModule", importlib.import_module(f".{DEVICES[name]}", __package__))


def choices(requested: str, sysfs: Path = SYSFS) -> list[Choice]:
    """Return the devices to try for `requested`: auto, or a name of DEVICES, in upper or lower case. Auto ends with the CPU.

    Raises UsageError for an unknown name, DeviceError for MYRIAD without a stick or without a tool chain.
    """
    name = requested.upper()
    if name not in (*DEVICES, "AUTO"):
        raise UsageError(f"--device {requested}: unknown. {known_names(requested, ['auto', *DEVICES])}")
    if name == "MYRIAD":
        from .myriad import NO_STICK, worker_python

        # Without Linux's sysfs, only opening the stick shows whether there is one.
        if not find_sticks(sysfs) and has_usb(sysfs):
            raise DeviceError(NO_STICK)
        worker_python()
    if name != "AUTO":
        return [Choice(name, "asked for")]
    found = []
    obstacles = []
    for each in DEVICES:
        if each == "CPU":
            break
        look = device_module(each).look(sysfs)
        if look.ready:
            found.append(Choice(each, look.why))
        elif look.there:
            obstacles.append(look.why)
    why = "; ".join(obstacles) or f"no Movidius stick on USB ({', '.join(STICK_IDS)})"
    return [*found, Choice("CPU", why)]


def open_first(
    candidates: Sequence[Choice], cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency"
) -> tuple[Device, str]:
    """Open the first device that opens; return it and the reason for it. Raises what the last one raises."""
    refused = []
    for choice in candidates[:-1]:
        try:
            return open_device(choice.name, cards, precision, hint), choice.why
        except DeviceError as error:
            refused.append(f"{choice.why}, but {error}")
    last = candidates[-1]
    return open_device(last.name, cards, precision, hint), "; ".join(refused) or last.why


def open_device(name: str, cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency") -> Device:
    """Load the networks of `cards` onto a device. `precision` (f32, bf16) is for the CPU.

    `hint` is one of HINTS; a stick does not need it. Raises what a network is refused for if none is loaded.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: unknown. {known_names(precision, PRECISIONS)}")
    module = device_module(name)
    if precision != "f32" and name != "CPU":
        raise UsageError(
            f"--precision {precision}: is for the CPU; {module.COMPUTES}. Leave it out, or add --device CPU."
        )
    device = module.open_device(cards, precision, hint)
    if any(card.host for card in cards):
        from ..finished import FinishedDevice

        device = FinishedDevice(device, cards)
    if len(device.refused) == len(cards):
        from common.card import leave_out

        device.close()
        leave_out(list(device.refused.values()), False, cards[0].path.parent)
    return device
