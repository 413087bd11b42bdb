"""The errors of this room.

    MokaError                 exit code 1
    └── InferenceError        the runner cannot answer
        └── DeviceError       no stick, no tool chain, a runtime that refuses

The rest is in common/errors.py: CardError, MeanError, PictureError, and UsageError for wrong options.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from common.errors import MokaError


class InferenceError(MokaError):
    """The runner cannot answer."""


class DeviceError(InferenceError):
    """The device, or the program that drives it, is missing or refuses."""


def known(name: object, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known ones, and the nearest of them if one is near."""
    names = sorted(names)
    near = difflib.get_close_matches(str(name).upper(), [n.upper() for n in names], n=1)
    meant = next((n for n in names if near and n.upper() == near[0]), None)
    return f"known are {', '.join(names)}" + (f"; did you mean {meant}?" if meant else "")
