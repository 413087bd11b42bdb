"""Names the machine's processor as the pages of figures do."""

from __future__ import annotations

from inference.outputs.summary import processor
from training.solvers.precision import cpu_flags

WIDEST = {"amx_bf16": "with AMX", "avx512f": "with AVX512", "avx2": "with AVX2"}
"""Flag of a processor -> how the pages call it."""


def machine() -> str:
    """Return the processor's name, with the widest of the instructions that matter: the same name may have them or not."""
    widest = next((name for flag, name in WIDEST.items() if flag in cpu_flags()), "")
    return f"{processor()} {widest}".strip()
