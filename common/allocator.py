"""The C library's allocator, told to keep what it has."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them, from malloc.h


def keep_freed_memory() -> None:
    """Let glibc hold freed memory for the next request instead of giving it back to the system.

    Training frees and asks for the same large blocks in every iteration, as making a database does for every record. By
    default each comes anew from the system, which clears its pages at their first use: a sixth of an AgeNet iteration, nearly
    half of a MobileNet's. Blocks of more than 64 MB still come and go. Other C libraries are left alone.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, 64 << 20)  # kept as well, larger ones would leave holes that nothing fits into
        mallopt(_TRIM_THRESHOLD, -1)
