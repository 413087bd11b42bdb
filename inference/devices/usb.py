"""Myriad X chips on USB, as Linux's sysfs shows them, which needs no root."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys")
STICK_IDS = ("03e7:2485", "03e7:f63b")
"""USB ids of a Myriad X stick: as plugged in, and after the host has sent it its firmware."""


def has_usb(sysfs: Path = SYSFS) -> bool:
    """Whether sysfs can say what is plugged in. Without it, only opening a device shows whether there is one."""
    return (sysfs / "bus").is_dir()


def find_sticks(sysfs: Path = SYSFS) -> list[str]:
    """Return the USB ids of the Myriad X sticks on this machine."""
    ids = []
    for device in sorted(sysfs.glob("bus/usb/devices/*")):
        try:
            found = ":".join((device / name).read_text("ascii").strip() for name in ("idVendor", "idProduct"))
        except (OSError, ValueError):
            # Interfaces and the ports of a hub have no ids, and a device may be unplugged at this moment.
            continue
        if found in STICK_IDS:
            ids.append(found)
    return ids
