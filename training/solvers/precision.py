"""The arithmetic of training: fp32, or bf16 with fp32 weights."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TrainingError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "auto")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}  # of processors that are faster in bf16


def choose_precision(name: str, device: torch.device) -> str:
    """fp32 or bf16. `auto` takes bf16 on CUDA and on CPUs with AVX512_BF16 or AMX, where it is faster; else fp32."""
    if name not in PRECISIONS:
        raise TrainingError(f'unknown precision "{name}"; there are {", ".join(PRECISIONS)}.')
    if name != "auto":
        return name
    if device.type == "cuda":
        import torch

        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if BF16_FLAGS & cpu_flags() else "fp32"


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Convolutions and products in bf16 inside the block if `precision` says so; sums, losses and weights stay fp32."""
    if precision == "bf16":
        import torch

        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def cpu_flags() -> set[str]:
    """What this processor can do, by the names of Linux; nothing on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux: nothing known, so nothing assumed
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}
