"""With how many threads the CPU computes, beside other programs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LOOK = 0.3
"""How many seconds we watch the other programs. The kernel counts in hundredths of a second."""
_IDLE = (3, 4)
"""Fields of a processor's line in /proc/stat: idle, and idle while it waits for a disk."""


def leave_busy_processors(device: torch.device) -> None:
    """Let PyTorch compute on the CPU with no more threads than there are spare processors, and log it if that is fewer.

    Threads wait for each other some thousand times an iteration, so one that has to share its processor holds up the others:
    two threads beside a busy program are many times slower than one. docs/training.md has figures. OMP_NUM_THREADS, which
    torchrun sets too, takes precedence. Call it before computing anything: this process's own work counts as well.
    """
    import torch

    from .solvers.caffe_log import log_line

    count = torch.get_num_threads()
    if device.type != "cpu" or count == 1 or "OMP_NUM_THREADS" in os.environ:
        return
    before = _ticks()
    time.sleep(_LOOK)
    taken, processors = busy_processors(before, _ticks())
    threads = min(count, max(1, int(processors - taken + 0.5)))
    if not processors or threads == count:
        return
    torch.set_num_threads(threads)
    log_line(
        f"Other programs keep {taken:.1f} of {processors} processors busy, so {threads} of {count} threads compute here. "
        "OMP_NUM_THREADS in the environment sets their number."
    )


def busy_processors(before: dict[int, list[int]], after: dict[int, list[int]]) -> tuple[float, int]:
    """Return how many processors were busy between two calls of `_ticks`, and how many there are."""
    taken = 0.0
    for processor, now in after.items():
        passed = [new - old for new, old in zip(now, before.get(processor, now), strict=True)]
        if sum(passed) > 0:
            taken += 1 - sum(passed[field] for field in _IDLE) / sum(passed)
    return taken, len(after)


def _ticks() -> dict[int, list[int]]:
    """Return processor -> its time by kind, for those that this process may use; nothing where the system does not say."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        allowed = os.sched_getaffinity(0)
    except (OSError, AttributeError):
        return {}
    found = {}
    for line in lines:
        name, *fields = line.split()
        # Guests' time, the fields after the eighth, is in a user's time already.
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in allowed:
            found[int(name[3:])] = [int(field) for field in fields[:8]]
    return found
