"""Myriad X blobs: what their header says."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from common.errors import MokaError
from common.inputs import open_input
from common.messages import COMPILE_AGAIN

# In lower case, unlike the start of an ELF file.
START = b"\x7felf"
MAGIC = 9709
_HEADER = struct.Struct("<13I")
_OFFSET = 52


class BlobError(MokaError):
    """A file that is no Myriad X blob, or is cut short."""


@dataclass(frozen=True)
class BlobHeader:
    """The numbers in a blob's header. Sizes are in bytes; `stages` are the steps that the device counts."""

    bytes: int
    major: int
    minor: int
    inputs: int
    outputs: int
    stages: int
    input_bytes: int
    output_bytes: int
    batch: int
    bss_bytes: int
    shaves: int
    cmx_slices: int


def read_header(path: str | os.PathLike[str]) -> BlobHeader:
    """Read the header of the blob at `path`. Raises BlobError if the file is missing, no blob, or cut short."""
    try:
        with open_input(path) as file:
            begin = file.read(_OFFSET + _HEADER.size)
        size = Path(path).stat().st_size
    except OSError as error:
        raise BlobError(f"{path}: cannot be read ({error.strerror}). Expected a Myriad X blob.") from error
    if len(begin) < _OFFSET + _HEADER.size or not begin.startswith(START):
        raise BlobError(f"{path}: {size} bytes that do not begin like a Myriad X blob. {COMPILE_AGAIN}")
    magic, *numbers = _HEADER.unpack_from(begin, _OFFSET)
    if magic != MAGIC:
        raise BlobError(
            f"{path}: no Myriad X blob (found {magic} at byte {_OFFSET}, expected {MAGIC}). {COMPILE_AGAIN}"
        )
    header = BlobHeader(*numbers)
    if header.bytes != size:
        raise BlobError(f"{path}: cut short ({size} bytes, expected {header.bytes} by its header). {COMPILE_AGAIN}")
    return header
