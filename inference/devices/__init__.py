"""The devices a network can run on, and the choice of one.

Every device is opened with all the cards and then turns one tensor into the outputs of one network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common.errors import UsageError

from ..errors import DeviceError, known
from . import cpu, myriad

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

SYSFS = Path("/sys")
STICK_IDS = ("03e7:2485", "03e7:f63b")
"""USB ids of a Myriad X stick: as plugged in, and as it comes back once the host has sent it its firmware."""
PRECISIONS = ("bf16", "f32")


class Device(Protocol):
    """An open device. `runtime` and `precision` say what really computes."""

    name: str
    runtime: str
    precision: str

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """uint8 (1, channels, height, width) → float32 values by output blob."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Choice:
    """A device and the reason for it."""

    name: str
    why: str


def find_sticks(sysfs: Path = SYSFS) -> list[str]:
    """USB ids of the Myriad X sticks on this machine, read from sysfs, which needs no root."""
    ids = []
    for device in sorted(sysfs.glob("bus/usb/devices/*")):
        try:
            found = ":".join((device / name).read_text("ascii").strip() for name in ("idVendor", "idProduct"))
        except (OSError, ValueError):
            continue  # an interface or a hub's port has no ids; a device may be pulled out just now
        if found in STICK_IDS:
            ids.append(found)
    return ids


def choose(wanted: str, sysfs: Path = SYSFS) -> Choice:
    """The device to use for `wanted` (auto or a name of DEVICES, in any case), with the reason.

    UsageError for an unknown name; DeviceError if MYRIAD is asked for and no stick or no tool chain is there.
    """
    name = wanted.upper()
    if name not in (*DEVICES, "AUTO"):
        raise UsageError(f"--device {wanted}: unknown; {known(wanted, ['auto', *DEVICES])}")
    if name == "CPU":
        return Choice("CPU", "asked for")
    sticks = find_sticks(sysfs)
    if name == "MYRIAD":
        if not sticks and (sysfs / "bus").is_dir():  # without Linux's sysfs only trying tells
            raise DeviceError(myriad.NO_STICK)
        myriad.worker_python()
        return Choice("MYRIAD", "asked for")
    if not sticks:
        return Choice("CPU", f"no Movidius stick on USB ({', '.join(STICK_IDS)})")
    try:
        myriad.worker_python()
    except DeviceError as error:
        return Choice("CPU", f"stick {sticks[0]} found, but {error}")
    return Choice("MYRIAD", f"stick {sticks[0]} found")


def open_device(name: str, cards: Sequence[ModelCard], precision: str = "f32") -> Device:
    """Load the networks of `cards` onto a device. `precision` (f32, bf16) is for the CPU; a stick computes in FP16."""
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: unknown; {known(precision, PRECISIONS)}")
    return DEVICES[name](cards, precision)


def _open_myriad(cards: Sequence[ModelCard], precision: str) -> Device:
    if precision != "f32":
        raise UsageError(
            f"--precision {precision} is for the CPU; a stick computes in FP16. Leave it away, or add --device CPU"
        )
    return myriad.MyriadDevice(cards)


def _open_cpu(cards: Sequence[ModelCard], precision: str) -> Device:
    return cpu.CpuDevice(cards, precision)


DEVICES: dict[str, Callable[[Sequence[ModelCard], str], Device]] = {"CPU": _open_cpu, "MYRIAD": _open_myriad}
