"""Makes the C library keep freed memory."""

from __future__ import annotations

import ctypes
import sys

# The numbers of mallopt's parameters, from malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST_KEPT = 64 << 20


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next request instead of returning it to the system.

    Training frees and requests the same large blocks in every iteration, and writing a database does so for every
    record. By default each block comes from the system again, which clears its pages on first use. That took a sixth of
    an AgeNet iteration and nearly half of a MobileNet iteration. Other C libraries are left alone.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        # Larger blocks would leave holes that nothing else fits into, so they go back to the system.
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_TRIM_THRESHOLD, -1)
