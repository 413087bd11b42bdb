"""The GPU, by the current OpenVINO. It never ran on a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..look import Look
from ..usb import SYSFS
from . import GPU, look_for
from .device import IntelDevice

if TYPE_CHECKING:
    from common.card import ModelCard

COMPUTES = "the GPU computes in f32"


class GpuDevice(IntelDevice):
    """Networks on the GPU."""

    name = "GPU"
    accelerator = GPU


def look(sysfs: Path = SYSFS) -> Look:
    """Look for one."""
    return look_for(GPU, sysfs)


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> GpuDevice:
    """Open it."""
    return GpuDevice(cards, precision, hint)
