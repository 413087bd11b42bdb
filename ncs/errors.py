"""The errors of this room.

    MokaError
    └── NcsError                 a caffemodel could not be brought to the device
        ├── ConversionError      a net or layer without a counterpart in OpenVINO, or weights that do not fit
        ├── CardError            a net card that is damaged or does not fit its net
        ├── BlobError            a file that is no Myriad X blob, or is cut short
        └── CompilerError        the MYRIAD compiler refused the network, crashed or took too long

Options out of range are caffe_io's UsageError (exit code 2); files in Caffe's formats raise caffe_io's own errors.
"""

from __future__ import annotations

from collections.abc import Iterable

from caffe_io.errors import MokaError


class NcsError(MokaError):
    """A caffemodel could not be brought to the device."""


class ConversionError(NcsError):
    """A net, or one of its layers, that has no counterpart in OpenVINO, or whose weights do not fit."""


class CardError(NcsError):
    """A net card that is damaged or does not fit its net."""


class BlobError(NcsError):
    """A file that is no Myriad X blob, or is cut short."""


class CompilerError(NcsError):
    """The MYRIAD compiler refused the network, crashed or took too long."""


def times(dims: Iterable[int]) -> str:
    """A shape as messages write it: 96x3x7x7."""
    return "x".join(map(str, dims)) or "scalar"
