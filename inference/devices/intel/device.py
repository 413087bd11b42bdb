"""A device of Intel, by the current OpenVINO. None ever ran on a real one."""

from __future__ import annotations

from typing import Any

from ...errors import DeviceError
from ..openvino_device import OpenVinoDevice
from . import Accelerator, has_device, look_for


class IntelDevice(OpenVinoDevice):
    """Networks on an accelerator of Intel, such as a GPU."""

    accelerator: Accelerator

    def check_device(self, core: Any) -> None:
        """Raise DeviceError if OpenVINO does not find it."""
        if not has_device(core.available_devices, self.name):
            seen = look_for(self.accelerator)
            steps = "".join(f" {step[0].upper()}{step[1:]}." for step in seen.steps)
            raise DeviceError(f"OpenVINO has no {self.name}: {seen.why}.{steps} Or use --device CPU.")
