"""The NPU, by the current OpenVINO. It never ran on a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..look import Look
from ..usb import SYSFS
from . import NPU, look_for
from .device import IntelDevice

if TYPE_CHECKING:
    from common.card import ModelCard

COMPUTES = "an NPU computes in FP16"


class NpuDevice(IntelDevice):
    """Networks on the NPU."""

    name = "NPU"
    accelerator = NPU

    def precision_config(self, precision: str) -> dict[str, str]:
        """It has FP16 alone, so nothing is asked for."""
        return {}


def look(sysfs: Path = SYSFS) -> Look:
    """Look for one."""
    return look_for(NPU, sysfs)


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> NpuDevice:
    """Open it."""
    return NpuDevice(cards, precision, hint)
