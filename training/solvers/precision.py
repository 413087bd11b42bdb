"""The arithmetic of training: fp32, or bf16 with fp32 weights."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TrainingError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "auto")

BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
"""The flags of processors that compute faster in bf16."""


def choose_precision(name: str, device: torch.device) -> str:
    """Return fp32 or bf16; `auto` is bf16 where that is faster: on CUDA, and on CPUs with AVX512_BF16 or AMX."""
    if name not in PRECISIONS:
        raise TrainingError(f'unknown precision "{name}"; expected one of {", ".join(PRECISIONS)}.')
    if name != "auto":
        return name
    if device.type == "cuda":
        import torch

        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if BF16_FLAGS & cpu_flags() else "fp32"


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Compute convolutions and products in `precision` inside the block. Sums, losses and weights stay fp32."""
    if precision == "bf16":
        import torch

        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def cpu_flags() -> set[str]:
    """Return this processor's features by their Linux names; an empty set on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}
