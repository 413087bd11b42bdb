"""The errors of this room.

    MokaError               the root of all errors (common/errors.py)     exit code 1
    └── CaffeIOError        a file in one of Caffe's formats
        ├── PrototxtError   text that does not parse as a net or solver, with line and column
        ├── NetError        a net that contradicts itself: unknown blob, repeated top, ...
        ├── WeightsError    a caffemodel or solverstate that is damaged or does not fit
        └── DatabaseError   an LMDB that is missing, damaged, empty, or cannot be written

Every message names the file, what was found, what was expected and the next step.
"""

from __future__ import annotations

from common.errors import MokaError


class CaffeIOError(MokaError):
    """A file in one of Caffe's formats is missing, damaged or does not fit."""


class PrototxtError(CaffeIOError):
    """Prototxt text that does not parse; the message holds line and column."""


class NetError(CaffeIOError):
    """A net description that contradicts itself."""


class WeightsError(CaffeIOError):
    """A caffemodel or solverstate that is damaged or does not fit its net."""


class DatabaseError(CaffeIOError):
    """An LMDB that is missing, damaged or empty, or could not be written."""
