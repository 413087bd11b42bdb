"""Whether there is a GPU or an NPU of Intel, and what keeps OpenVINO from using it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..look import Look
from ..usb import DEV, SYSFS

INTEL = "0x8086"


@dataclass(frozen=True)
class Accelerator:
    """`nodes` is a pattern of its files in /dev, `listed` where sysfs lists the same names; `driver` installs what it needs."""

    name: str
    what: str
    folder: str
    nodes: str
    listed: str
    driver: str


GPU = Accelerator(
    "GPU",
    "graphics processor",
    "dri",
    "renderD*",
    "class/drm",
    "install Intel's OpenCL driver: sudo apt install intel-opencl-icd",
)
NPU = Accelerator(
    "NPU",
    "neural processor",
    "accel",
    "accel*",
    "class/accel",
    "install Intel's driver for Linux: the packages intel-driver-compiler-npu, intel-fw-npu and intel-level-zero-npu",
)


def look_for(accelerator: Accelerator, sysfs: Path = SYSFS, dev: Path = DEV) -> Look:
    """Look for an accelerator of Intel. OpenVINO is only asked where sysfs shows one, because it takes time to load."""
    names = [
        folder.name for folder in sorted((sysfs / accelerator.listed).glob(accelerator.nodes)) if _is_intel(folder)
    ]
    if not names:
        return Look(False, False, f"no {accelerator.what} of Intel")
    node = dev / accelerator.folder / names[0]
    found = f"{accelerator.what} {node} found"
    if not os.access(node, os.R_OK | os.W_OK):
        step = f'join the group that may: sudo usermod -aG render "$USER", then log in again (a container needs --device {node})'
        return Look(True, False, f"{found}, but this user may not use it", (step,))
    try:
        import openvino as ov

        core = ov.Core()
        devices = core.available_devices
    except (ImportError, RuntimeError) as error:
        return Look(True, False, f"{found}, but OpenVINO cannot be used ({' '.join(str(error).split())})")
    if not has_device(devices, accelerator.name):
        return Look(True, False, f"{found}, but OpenVINO does not see it", (accelerator.driver,))
    return Look(True, True, found, details=(_full_name(core, accelerator.name),))


def has_device(devices: list[str], name: str) -> bool:
    """Whether OpenVINO's list has the device; it calls several GPU.0, GPU.1 and so on."""
    return any(device.split(".")[0] == name for device in devices)


def _is_intel(folder: Path) -> bool:
    try:
        return (folder / "device/vendor").read_text("ascii").strip() == INTEL
    except (OSError, ValueError):
        return False


def _full_name(core: Any, name: str) -> str:
    try:
        return str(core.get_property(name, "FULL_DEVICE_NAME"))
    except RuntimeError:
        return name
