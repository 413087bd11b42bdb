"""The errors of this room.

    MokaError                 exit code 1
    └── InferenceError        the runner cannot answer
        └── DeviceError       no stick, no tool chain, a runtime that refuses

The rest is in common/errors.py: CardError, MeanError, PictureError, and UsageError for wrong options.
"""

from __future__ import annotations

from common.errors import MokaError


class InferenceError(MokaError):
    """The runner cannot answer."""


class DeviceError(InferenceError):
    """The device, or the program that drives it, is missing or refuses."""
