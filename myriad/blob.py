"""Myriad X blobs: what their header says."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from common.errors import MokaError

START = b"\x7felf"  # lower case, unlike an ELF file's
MAGIC = 9709
_HEADER = struct.Struct("<13I")  # from byte 52 on
_OFFSET = 52


class BlobError(MokaError):
    """A file that is no Myriad X blob, or is cut short."""


@dataclass(frozen=True)
class BlobHeader:
    """The numbers in a blob's header; sizes in bytes, `stages` as the device counts its steps."""

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
    """Read the header of the blob at `path`. Raises BlobError if the file is missing, no blob, or not whole."""
    try:
        with Path(path).open("rb") as file:
            begin = file.read(_OFFSET + _HEADER.size)
        size = Path(path).stat().st_size
    except OSError as error:
        raise BlobError(f"{path}: cannot be read ({error.strerror}); wanted a Myriad X blob.") from error
    if len(begin) < _OFFSET + _HEADER.size or not begin.startswith(START):
        raise BlobError(
            f"{path}: {size} bytes that do not begin as a Myriad X blob does. Compile it: ./compile2Movidius.sh"
        )
    magic, *numbers = _HEADER.unpack_from(begin, _OFFSET)
    if magic != MAGIC:
        raise BlobError(f"{path}: number {magic} at byte {_OFFSET}, wanted {MAGIC}: no Myriad X blob. Compile it anew.")
    header = BlobHeader(*numbers)
    if header.bytes != size:
        raise BlobError(f"{path}: has {size} bytes, its header says {header.bytes}: cut short. Compile it anew.")
    return header
