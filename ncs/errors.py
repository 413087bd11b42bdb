"""The errors of this room.

    MokaError
    └── NcsError                 a caffemodel could not be brought to the device
        ├── ConversionError      a net or layer without a counterpart in OpenVINO, or weights that do not fit
        └── CompilerError        the MYRIAD compiler refused the network, crashed or took too long

Options out of range raise UsageError, cards CardError (both of common/errors.py); files in Caffe's formats raise
caffe_io's errors, blobs myriad's BlobError.
"""

from __future__ import annotations

from common.errors import MokaError


class NcsError(MokaError):
    """A caffemodel could not be brought to the device."""


class ConversionError(NcsError):
    """A net, or one of its layers, that has no counterpart in OpenVINO, or whose weights do not fit."""


class CompilerError(NcsError):
    """The MYRIAD compiler refused the network, crashed or took too long."""
