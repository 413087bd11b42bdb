"""The NPU, by the current OpenVINO. It never ran on a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DeviceError
from ..look import Look
from ..openvino_device import OpenVinoDevice
from ..usb import SYSFS
from . import NPU, has_device, look_for

if TYPE_CHECKING:
    from common.card import ModelCard

COMPUTES = "an NPU computes in FP16"


class NpuDevice(OpenVinoDevice):
    """Networks on the NPU."""

    name = "NPU"

    def precision_config(self, precision: str) -> dict[str, str]:
        """It has FP16 alone, so nothing is asked for."""
        return {}

    def check_device(self, core: Any) -> None:
        """Raise DeviceError if OpenVINO does not find it."""
        if not has_device(core.available_devices, self.name):
            seen = look()
            steps = "".join(f" {step[0].upper()}{step[1:]}." for step in seen.steps)
            raise DeviceError(f"OpenVINO has no {self.name}: {seen.why}.{steps} Or use --device CPU.")


def look(sysfs: Path = SYSFS) -> Look:
    """Look for one."""
    return look_for(NPU, sysfs)


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> NpuDevice:
    """Open it."""
    return NpuDevice(cards, precision, hint)
