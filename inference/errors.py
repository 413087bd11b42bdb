"""What can go wrong in this room.

    InferenceError            exit code 1
    ├── CardError             a model card, or a network that does not fit its card
    ├── PictureError          the face: missing, damaged, too small, no picture at all
    ├── MeanError             --mean_file does not belong to the network
    ├── DeviceError           no stick, no tool chain, a runtime that refuses
    ├── OutputError           the annotated picture cannot be written
    └── UsageError            exit code 2: asked for in a wrong way

Every message names the file or option, what was found, what was wanted and what to do next.
This room imports no other, so the tree has its own root.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InferenceError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code = 1


class CardError(InferenceError):
    """A model card is missing or damaged, or the network beside it is not the one it describes."""


class PictureError(InferenceError):
    """A picture that cannot be read, or not be used as a face."""


class MeanError(InferenceError):
    """A mean file that does not belong to the network."""


class DeviceError(InferenceError):
    """The device, or the program that drives it, is not there or refuses."""


class OutputError(InferenceError):
    """A result that cannot be written."""


class UsageError(InferenceError):
    """The command or a function was used wrongly."""

    exit_code = 2


def known(name: object, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known ones, and the nearest of them if one is near."""
    names = sorted(names)
    near = difflib.get_close_matches(str(name).upper(), [n.upper() for n in names], n=1)
    meant = next((n for n in names if near and n.upper() == near[0]), None)
    return f"known are {', '.join(names)}" + (f"; did you mean {meant}?" if meant else "")
