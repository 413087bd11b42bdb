"""Myriad X chips on USB, as Linux's sysfs shows them, which needs no root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys")
DEV = Path("/dev")
STICK_IDS = ("03e7:2485", "03e7:f63b")
"""USB ids of a Myriad X stick: as plugged in, and after the host has sent it its firmware. An OAK camera has the same."""
OAK_IDS = (*STICK_IDS, "03e7:f63c")
"""The last is an OAK camera that starts from its own flash memory."""
RULES = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
INSTALL_RULE = "install the udev rule (the commands are at the top of tools/97-moka-myriad.rules), and plug it in again"


@dataclass(frozen=True)
class UsbDevice:
    """A device on USB. `port` is where it is plugged in ("1-4.2": bus 1, port 4, behind a hub), `node` its file in /dev.

    `speed` is in Mbit/s, 0 if sysfs does not say.
    """

    id: str
    port: str
    node: Path | None = None
    speed: int = 0

    @property
    def allowed(self) -> bool:
        """Whether this user may open it. Where there is no node, only trying shows that."""
        return self.node is None or not self.node.exists() or os.access(self.node, os.R_OK | os.W_OK)

    def describe(self) -> str:
        """Return one line about it."""
        text = f"{self.id} at USB port {self.port}"
        if self.speed:
            text += f", {self.speed} Mbit/s ({'USB 3' if self.speed >= 5000 else 'USB 2'})"
        if "." in self.port:
            text += ", behind a hub: if it drops out, the hub needs a power supply of its own"
        return text


def has_usb(sysfs: Path = SYSFS) -> bool:
    """Whether sysfs can say what is plugged in. Without it, only opening a device shows whether there is one."""
    return (sysfs / "bus").is_dir()


def find_usb(ids: tuple[str, ...], sysfs: Path = SYSFS, dev: Path = DEV) -> list[UsbDevice]:
    """Return the devices that have one of the ids."""
    found = []
    for folder in sorted(sysfs.glob("bus/usb/devices/*")):
        try:
            name = ":".join((folder / part).read_text("ascii").strip() for part in ("idVendor", "idProduct"))
        except (OSError, ValueError):
            # Interfaces and the ports of a hub have no ids, and a device may be unplugged at this moment.
            continue
        if name not in ids:
            continue
        bus, number = _number(folder / "busnum"), _number(folder / "devnum")
        node = dev / "bus/usb" / f"{bus:03}" / f"{number:03}" if bus and number else None
        found.append(UsbDevice(name, folder.name, node, _number(folder / "speed")))
    return found


def find_sticks(sysfs: Path = SYSFS) -> list[str]:
    """Return the USB ids of the Myriad X sticks on this machine."""
    return [device.id for device in find_usb(STICK_IDS, sysfs)]


def has_rule(root: Path = Path("/")) -> bool:
    """Whether a udev rule names Movidius's number."""
    for folder in RULES:
        for file in (root / folder).glob("*.rules"):
            try:
                if "03e7" in file.read_text("utf-8", "replace"):
                    return True
            except OSError:
                continue
    return False


def _number(file: Path) -> int:
    """Return the whole number that a file of sysfs holds, or 0."""
    try:
        return int(float(file.read_text("ascii").strip()))
    except (OSError, ValueError, OverflowError):
        return 0
