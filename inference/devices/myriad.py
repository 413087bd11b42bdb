"""A Myriad X stick (Neural Compute Stick 2), driven by a helper process in an older Python.

The MYRIAD plugin ended with OpenVINO 2022.3. So it runs in the Python of the tool chain (OpenVINO 2021.4.2), or in the
one that MOKA_MYRIAD_PYTHON names, such as one with the OpenVINO 2022.3.2 archive on a Raspberry Pi.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.places import make_toolchain, toolchain_program

from ..errors import DeviceError
from .look import Look
from .usb import DEV, INSTALL_RULE, STICK_IDS, SYSFS, find_sticks, find_usb, has_rule, has_usb
from .worker_device import Driver, WorkerDevice

if TYPE_CHECKING:
    from common.card import ModelCard

WORKER = Path(__file__).with_name("myriad_worker.py")
VARIABLE = "MOKA_MYRIAD_PYTHON"
_CHECK = "Check the cable, the power of the hub and the udev rule (tools/97-moka-myriad.rules)"
NO_STICK = f"There is no Movidius stick on USB (looked for 03e7:2485 and 03e7:f63b). {_CHECK}, or use --device CPU."
NOT_OPENED = (
    "The Movidius stick (03e7:2485 or 03e7:f63b) is missing or does not open (NC_ERROR). "
    f"{_CHECK}, and that no other program uses it."
)

COMPUTES = "a stick computes in FP16"


def look(sysfs: Path = SYSFS, dev: Path = DEV) -> Look:
    """Look for sticks, for the permission to use them, and for the tool chain that drives them."""
    sticks = find_usb(STICK_IDS, sysfs, dev)
    steps = []
    missing = ""
    try:
        worker_python()
    except DeviceError as error:
        missing = str(error)
        steps.append(missing)
    if not sticks:
        if not (sysfs / "bus/usb").is_dir():
            steps.insert(0, "this system shows no USB at all; a container needs -v /dev/bus/usb:/dev/bus/usb")
        return Look(
            False,
            False,
            f"no Movidius stick on USB ({', '.join(STICK_IDS)})",
            (*steps, f"{_CHECK[0].lower()}{_CHECK[1:]}"),
        )
    details = tuple(stick.describe() for stick in sticks)
    found = f"stick {sticks[0].id} found" if len(sticks) == 1 else f"{len(sticks)} sticks found"
    if missing:
        return Look(True, False, f"{found}, but {missing}", tuple(steps), details)
    if not any(stick.allowed for stick in sticks):
        again = "" if has_rule() else " (no rule names 03e7)"
        return Look(True, False, f"{found}, but this user may not use it{again}", (INSTALL_RULE,), details)
    return Look(True, True, found, (), details)


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> MyriadDevice:
    """Open all sticks. Raises DeviceError if there is none, or nothing to drive it."""
    # Without Linux's sysfs, only opening the stick shows whether there is one.
    return MyriadDevice(cards)


def worker_python() -> Path:
    """Return the Python that can drive a stick. Raises DeviceError, which says how to get one."""
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else toolchain_program("movidius", "python")
    if os.access(python, os.X_OK) and python.is_file():
        return python
    if named:
        raise DeviceError(f"{VARIABLE}={named}: no such program. Name a Python with OpenVINO 2021.4 or 2022.3.")
    raise DeviceError(
        f"the tool chain that drives it is missing. Install it: {make_toolchain('movidius')} "
        f"(on a Raspberry Pi set {VARIABLE}, see docs/raspberry_pi.md)."
    )


class MyriadDevice(WorkerDevice):
    """Networks on all sticks that are plugged in.

    `python` is the tool chain's by default. `device` is another of its plugins only in tests, and `worker` another program.
    """

    def __init__(
        self,
        cards: Sequence[ModelCard],
        python: Path | None = None,
        device: str = "MYRIAD",
        worker: Path = WORKER,
        sysfs: Path = SYSFS,
    ) -> None:
        driver = Driver(
            name="The stick",
            program="the program that drives the stick",
            python=python or worker_python(),
            worker=worker,
            device=device,
            explain=explain,
            lost=lost,
            there=lambda: not has_usb(sysfs) or bool(find_sticks(sysfs)) or device != "MYRIAD",
            # A PYTHONPATH that belongs to a Python of the user's choice may come from its OpenVINO's setupvars.sh.
            keep_python_path=bool(os.environ.get(VARIABLE)),
        )
        super().__init__(device, driver, cards, max(1, len(find_sticks(sysfs))))
        self.runtime = f"OpenVINO {self.runtime}"

    def files(self, card: ModelCard) -> dict[str, str]:
        """Return the blob, if there is one, and the IR for a runtime that refuses it."""
        files = {"xml": str(card.xml_path.resolve())}
        for file in (card.xml_path, card.bin_path):
            # Only the blob need be copied to the machine with the stick.
            if card.blob_path is None or file.exists():
                card.check_file(file)
        if card.blob_path:
            card.check_file(card.blob_path)
            files["blob"] = str(card.blob_path.resolve())
        return files


def lost(reason: str) -> bool:
    """Whether an error of the stick's OpenVINO means that the stick has left."""
    return any(word in reason for word in ("NC_ERROR", "NC_TIMEOUT", "NC_BUSY", "NC_DEVICE_NOT_FOUND", "X_LINK"))


def explain(reason: str) -> str:
    """Turn an error of the stick's OpenVINO into a sentence about what the user can do."""
    reason = " ".join(reason.split())
    if lost(reason):
        return NOT_OPENED
    if "libusb" in reason:
        return "The stick's driver needs libusb-1.0, which is not installed: sudo apt install libusb-1.0-0"
    if "not registered" in reason:
        return (
            f"This OpenVINO cannot drive a stick ({reason.rstrip('.')}). "
            f"Expected 2021.4.2 ({make_toolchain('movidius')}) or a 2022.3 archive."
        )
    return f"The stick's OpenVINO says: {reason}"
