"""The errors of this room, and the root of those of the others.

    MokaError               something went wrong                          exit code 1
    ├── UsageError          the command was used wrongly                  exit code 2
    │   └── OutputExists    an output is already there, and no --force    exit code 2
    └── CaffeIOError        a file in one of Caffe's formats
        ├── PrototxtError   text that is no net or solver, with line and column
        ├── NetError        a net that cannot be: unknown blob, repeated top, ...
        ├── WeightsError    a caffemodel or solverstate that is damaged or does not fit
        ├── MeanError       a mean file that is damaged or of another size
        └── DatabaseError   an LMDB that is missing, damaged, empty, or cannot be written

Every message names the file, what was found, what was wanted and the next step.
"""

from __future__ import annotations


class MokaError(Exception):
    """Root of all errors that a user may see without a traceback."""

    exit_code = 1


class UsageError(MokaError):
    """Options that do not go together, values out of range."""

    exit_code = 2


class OutputExists(UsageError):
    """An output stands where the command wants to write, and --force was not given."""


class CaffeIOError(MokaError):
    """A file in one of Caffe's formats is missing, damaged or does not fit."""


class PrototxtError(CaffeIOError):
    """Prototxt text that does not parse; the message holds line and column."""


class NetError(CaffeIOError):
    """A net description that contradicts itself."""


class WeightsError(CaffeIOError):
    """A caffemodel or solverstate that is damaged or does not fit its net."""


class MeanError(CaffeIOError):
    """A mean file that is missing, damaged or of another size than the pictures."""


class DatabaseError(CaffeIOError):
    """An LMDB that is missing, damaged or empty, or could not be written."""
