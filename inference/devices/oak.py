"""An OAK camera: depthai 2 or 3 sends it pictures for the networks on its Myriad X, and fetches the camera's own frames.

depthai runs in a process of its own, because what crashes there, or waits for a camera that was unplugged, must not stop us.
It never ran on a real camera.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from common.errors import CardError
from common.messages import COMPILE_AGAIN
from common.places import make_toolchain

from ..errors import DeviceError
from .look import Look
from .usb import DEV, INSTALL_RULE, OAK_IDS, SYSFS, find_usb, has_usb
from .worker_device import INFER_SECONDS, TICKETS, Driver, WorkerDevice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard
    from faces.pictures import Picture

    from .worker_device import Process

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
    "queue was closed",
)
"""Words of depthai about a camera that is not there."""


FRAME_TYPES = {"BGR": "BGR888p", "RGB": "RGB888p", "GRAY": "GRAY8"}
"""Channel order of a card -> what depthai calls it."""


class Shot(NamedTuple):
    """A frame of the camera, BGR uint8, height x width x 3. `number` is depthai's, and `milliseconds` the time to convert it.

    `outputs` has, by the path of its card, the values of each network that the camera fed with this frame.
    """

    number: int
    picture: Picture
    milliseconds: float
    outputs: dict[Path, dict[str, NDArray[np.float32]]]


class _Shoot(NamedTuple):
    """Asks for the next frame. The answer is None if there is none yet."""

    fed: list[Path]

    def ask(self, process: Process) -> Shot | None:
        import numpy as np

        ticket = next(TICKETS)
        reply = process.call("shoot", {"ticket": ticket}, {}, INFER_SECONDS)
        with process.understanding():
            if reply.values["ticket"] != ticket:
                raise ValueError("ticket")
            if "number" not in reply.values:
                return None
            outputs: dict[Path, dict[str, NDArray[np.float32]]] = {path: {} for path in self.fed}
            picture = np.asarray(reply.arrays.pop("picture"))
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError("picture")
            for name, array in reply.arrays.items():
                place, _, blob = name.partition("/")
                outputs[self.fed[int(place)]][blob] = np.asarray(array).astype(np.float32)
            if not all(outputs.values()):
                raise ValueError("outputs")
            return Shot(int(reply.values["number"]), picture, float(reply.values["milliseconds"]), outputs)


class OakDevice(WorkerDevice):
    """Networks on all OAK cameras that are plugged in. `python` and `worker` are others only in tests.

    After `start_camera`, `shoot` gives the frames of the first camera.
    """

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

        self._fed: list[Path] = []

    def start_camera(self, square: bool) -> None:
        """Start again with the camera, because depthai's pipeline is fixed once it runs.

        With `square`, the frames are the squares in the middle of the camera's, and the camera hands the same squares to all
        networks; `infer` must not be called then. Otherwise the networks go on to answer about what they are given.
        """
        self.start_again("OAK square" if square else "OAK frames")
        self._fed = sorted(self.sources) if square else []

    def shoot(self) -> Shot | None:
        """Return the next frame, or None if there is none yet. Raises DeviceError."""
        shot: Shot | None = self.ask(_Shoot(self._fed))
        return shot

    def files(self, card: ModelCard) -> dict[str, Any]:
        """Return the blob, and what the camera cuts out of a square for it: the same as to_tensor of a whole picture."""
        if not card.blob_path:
            raise CardError(
                f"{card.path}: has no blob, which an OAK camera needs. Install the compiler "
                f"({make_toolchain('movidius')}). {COMPILE_AGAIN}"
            )
        card.check_file(card.blob_path)
        height, width = card.input.shape[2:]
        size = card.input.resize_to or (height, width)
        return {
            "blob": str(card.blob_path.resolve()),
            "size": [width, height],
            "share": [width / size[1], height / size[0]],
            "type": FRAME_TYPES[card.channel_order],
        }


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
