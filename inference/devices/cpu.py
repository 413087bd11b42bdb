"""The CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .look import Look
from .openvino_device import OpenVinoDevice
from .usb import SYSFS

if TYPE_CHECKING:
    from common.card import ModelCard

COMPUTES = "a CPU computes in f32 or bf16"


class CpuDevice(OpenVinoDevice):
    """Networks on the CPU, in f32 or bf16."""

    name = "CPU"

    def __init__(self, cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency") -> None:
        super().__init__(cards, precision, hint)
        if self.precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            self.precision = "bf16 (emulated, slower than f32: this CPU has no bf16)"


def look(sysfs: Path = SYSFS) -> Look:
    """Ask OpenVINO about the CPU."""
    try:
        import openvino as ov

        core = ov.Core()
        name = core.get_property("CPU", "FULL_DEVICE_NAME")
        precisions = ["f32", *(["bf16"] if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else [])]
    except (ImportError, RuntimeError) as error:
        return Look(True, False, f"OpenVINO cannot be used ({' '.join(str(error).split())})", ("pip install openvino",))
    return Look(True, True, f"{name.strip()}, OpenVINO {ov.__version__.split('-')[0]}, {' or '.join(precisions)}")


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> CpuDevice:
    """Open it."""
    return CpuDevice(cards, precision, hint)
