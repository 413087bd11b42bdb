"""The errors of this room.

    MokaError
    └── NcsError                 a caffemodel cannot be compiled for the device
        ├── ConversionError      a net or layer without a counterpart in OpenVINO, or weights that do not fit
        └── CompilerError        the MYRIAD compiler refused the network, crashed or took too long

Wrong options, cards and means raise UsageError, CardError and MeanError of common/errors.py. Files in Caffe's formats
raise the errors of caffe_io/, blobs BlobError of myriad/.
"""

from __future__ import annotations

from common.errors import MokaError


class NcsError(MokaError):
    """A caffemodel cannot be compiled for the device."""


class ConversionError(NcsError):
    """A net or layer that has no counterpart in OpenVINO, or whose weights do not fit."""


class CompilerError(NcsError):
    """The MYRIAD compiler refused the network, crashed or took too long."""
