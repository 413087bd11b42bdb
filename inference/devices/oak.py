"""An OAK camera as an accelerator: depthai 2 or 3 sends pictures of this machine to the networks on its Myriad X.

depthai runs in a process of its own, because what crashes there, or waits for a camera that was unplugged, must not stop us.
It never ran on a real camera.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import CardError
from common.messages import COMPILE_AGAIN
from common.places import make_toolchain

from ..errors import DeviceError
from .look import Look
from .usb import DEV, INSTALL_RULE, OAK_IDS, SYSFS, find_usb, has_usb
from .worker_device import Driver, WorkerDevice

if TYPE_CHECKING:
    from common.card import ModelCard

WORKER = Path(__file__).with_name("oak_worker.py")
PROTOCOL = "DEPTHAI_PROTOCOL"
"""depthai's variable. The worker sets it to usb unless the user has: otherwise depthai also calls for cameras on the network."""
COMPUTES = "an OAK camera computes in FP16"
MAJORS = (2, 3)
INSTALL = f"install depthai: {sys.executable} -m pip install 'depthai>=2.30,<4'"
"""The versions are those of the dependency group oak in pyproject.toml."""
LOST = (
    "X_LINK",
    "Communication exception",
    "closed or disconnected",
    "No available devices",
    "Couldn't retrieve",
    "Cannot find",
)
"""Words of depthai about a camera that is not there."""


class OakDevice(WorkerDevice):
    """Networks on all OAK cameras that are plugged in. `python` and `worker` are others only in tests."""

    def __init__(
        self, cards: Sequence[ModelCard], python: Path | None = None, worker: Path = WORKER, sysfs: Path = SYSFS
    ) -> None:
        driver = Driver(
            name="The OAK camera",
            program="the program that drives the OAK camera",
            python=python or Path(sys.executable),
            worker=worker,
            device="OAK",
            explain=explain,
            lost=lost,
            there=lambda: PROTOCOL in os.environ or not has_usb(sysfs) or bool(find_usb(OAK_IDS, sysfs)),
            # It is the same Python as ours.
            keep_python_path=True,
        )
        super().__init__("OAK", driver, cards, max(1, len(find_usb(OAK_IDS, sysfs))))

    def files(self, card: ModelCard) -> dict[str, str]:
        """Return the blob."""
        if not card.blob_path:
            raise CardError(
                f"{card.path}: has no blob, which an OAK camera needs. Install the compiler "
                f"({make_toolchain('movidius')}). {COMPILE_AGAIN}"
            )
        card.check_file(card.blob_path)
        return {"blob": str(card.blob_path.resolve())}


def depthai_version() -> str:
    """Return the version of the depthai that is installed, or ""."""
    from importlib import metadata

    try:
        return metadata.version("depthai")
    except metadata.PackageNotFoundError:
        return ""


def look(sysfs: Path = SYSFS, dev: Path = DEV) -> Look:
    """Look for cameras and for depthai."""
    cameras = find_usb(OAK_IDS, sysfs, dev)
    version = depthai_version()
    steps = () if version else (INSTALL,)
    if not cameras:
        return Look(False, False, f"no OAK camera on USB ({', '.join(OAK_IDS)})", steps)
    details = tuple(camera.describe() for camera in cameras)
    found = f"Myriad X {cameras[0].id} found, which is an OAK camera or a stick"
    if not version:
        return Look(True, False, f"{found}, but depthai is not installed", steps, details)
    if int(version.split(".")[0]) not in MAJORS:
        return Look(True, False, f"{found}, but depthai {version} is neither 2 nor 3", (INSTALL,), details)
    if not any(camera.allowed for camera in cameras):
        return Look(True, False, f"{found}, but this user may not use it", (INSTALL_RULE,), details)
    return Look(True, True, f"{found}, and depthai {version}", (), details)


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> OakDevice:
    """Open all cameras. Raises DeviceError without depthai."""
    if not depthai_version():
        raise DeviceError(f"depthai, which drives an OAK camera, is missing. {INSTALL[0].upper()}{INSTALL[1:]}.")
    return OakDevice(cards)


def lost(reason: str) -> bool:
    """Whether an error of depthai means that the camera has left."""
    return any(word in reason for word in LOST)


def explain(reason: str) -> str:
    """Turn an error of depthai into a sentence about what the user can do."""
    reason = " ".join(reason.split())
    if lost(reason):
        return (
            f"The OAK camera is missing or does not answer ({reason.rstrip('.')}). Check the cable, its power and the udev rule "
            "(tools/97-moka-myriad.rules), and that no other program uses it."
        )
    return f"depthai says: {reason}"
