"""The root of all errors, and the errors that several rooms raise.

    MokaError               something went wrong                                     exit code 1
    ├── UsageError          the command was used wrongly                             exit code 2
    │   └── OutputExists    an output exists already, and --force was not given      exit code 2
    ├── CardError           a card is damaged or does not fit its network
    ├── MeanError           a mean is damaged or belongs to another network
    └── PictureError        a file is not a complete picture, or cannot be used

Each room derives its own errors from MokaError in its errors.py. A message names the file, what was found, what was
expected and the next step.
"""

from __future__ import annotations


class MokaError(Exception):
    """Root of all errors that a user may see without a traceback."""

    exit_code = 1


class UsageError(MokaError):
    """Options do not go together, or a value is out of range."""

    exit_code = 2


class OutputExists(UsageError):
    """Something exists where the command would write, and --force was not given."""


class CardError(MokaError):
    """A net card or model card is missing, damaged, or does not fit the network beside it."""


class MeanError(MokaError):
    """A mean file is missing, damaged, of another size than the pictures, or belongs to another network."""


class PictureError(MokaError):
    """A file is not a complete picture, or a network cannot take the picture."""
