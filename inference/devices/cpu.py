"""The CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .openvino_device import OpenVinoDevice

if TYPE_CHECKING:
    from common.card import ModelCard


class CpuDevice(OpenVinoDevice):
    """Networks on the CPU, in f32 or bf16."""

    name = "CPU"

    def __init__(self, cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency") -> None:
        super().__init__(cards, precision, hint)
        if self.precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            self.precision = "bf16 (emulated, slower than f32: this CPU has no bf16)"
