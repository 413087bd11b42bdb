"""What a look at a device finds, without opening it and without root."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Look:
    """Whether a device can be used. `why` says it in one line, beginning with a small letter and without a full stop.

    `there` says that the hardware was seen; `ready` that the programs for it are there too. `steps` are what the user can do,
    and `details` more lines about what was seen.
    """

    there: bool
    ready: bool
    why: str
    steps: tuple[str, ...] = ()
    details: tuple[str, ...] = field(default=())
