"""The root of all errors, and those that several rooms raise.

    MokaError               something went wrong                                   exit code 1
    ├── UsageError          the command was used wrongly                           exit code 2
    │   └── OutputExists    an output is already there, and no --force             exit code 2
    ├── CardError           a card that is damaged, or does not fit its network
    ├── MeanError           a mean that is damaged, or belongs to another network
    └── PictureError        a file that is no whole picture, or cannot be used

Each room derives its own errors from MokaError in its errors.py. Every message names the file, what was found, what was
expected and the next step.
"""

from __future__ import annotations


class MokaError(Exception):
    """Root of all errors that a user may see without a traceback."""

    exit_code = 1


class UsageError(MokaError):
    """Options that do not go together, or values out of range."""

    exit_code = 2


class OutputExists(UsageError):
    """An output stands where the command wants to write, and --force was not given."""


class CardError(MokaError):
    """A net card or model card that is missing, damaged, or does not fit the network beside it."""


class MeanError(MokaError):
    """A mean file that is missing, damaged, of another size than the pictures, or of another network."""


class PictureError(MokaError):
    """A file that is no whole picture, or a picture that a network cannot be shown."""
