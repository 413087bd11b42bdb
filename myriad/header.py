"""The header of a Myriad X blob: what it holds and where."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from common.inputs import open_input
from common.messages import COMPILE_AGAIN

from .errors import BlobError

# In lower case, unlike the start of an ELF file.
START = b"\x7felf"
MAGIC = 9709
OFFSET = 52
"""Where the numbers begin. What comes before is the same in every blob."""
_NUMBERS = struct.Struct("<20I")
SIZE = OFFSET + _NUMBERS.size
SUPERBLOB_HEAD = 17 * 8
"""Bytes of a superblob before the blob in it."""
CMX_SLICE = 131072
"""Bytes of a slice of CMX, the chip's fast memory."""


@dataclass(frozen=True)
class BlobHeader:
    """The numbers in a blob's header, in their order.

    Sizes are in bytes, places in bytes from the start of the file. `stages` are those that the device counts: one that the
    convolution unit runs beside another is not among them. `batch` is how often the program runs for one request.
    """

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
    cmx_slices: int
    shaves: int
    has_hw: int
    has_shave: int
    has_dma: int
    inputs_at: int
    outputs_at: int
    stages_at: int
    constants_at: int

    @property
    def cmx_bytes(self) -> int:
        """Bytes of CMX that the network has."""
        return self.cmx_slices * CMX_SLICE


def read_header(path: str | os.PathLike[str]) -> BlobHeader:
    """Read the header of the blob at `path`. Raises BlobError if the file is missing, no blob, or cut short."""
    try:
        with open_input(path) as file:
            begin = file.read(SUPERBLOB_HEAD + len(START))
        size = Path(path).stat().st_size
    except OSError as error:
        raise BlobError(f"{path}: cannot be read ({error.strerror}). Expected a Myriad X blob.") from error
    return parse_header(begin, size, path)


def parse_header(begin: bytes, size: int, path: str | os.PathLike[str]) -> BlobHeader:
    """Return the header at the start of a blob of `size` bytes. `path` is for messages.

    OpenVINO 2022.1 and later write more after the blob itself, so `size` may be larger than the header says.
    """
    if begin.startswith(START, SUPERBLOB_HEAD):
        raise BlobError(
            f"{path}: a superblob, which holds the blobs for 1 to 16 SHAVEs. Take one out: "
            f"./moka blob extract {path} --shaves 6 --out NAME.blob"
        )
    if len(begin) < SIZE or not begin.startswith(START):
        raise BlobError(f"{path}: {size} bytes that do not begin like a Myriad X blob. {COMPILE_AGAIN}")
    magic, *numbers = _NUMBERS.unpack_from(begin, OFFSET)
    if magic != MAGIC:
        raise BlobError(f"{path}: no Myriad X blob (found {magic} at byte {OFFSET}, expected {MAGIC}). {COMPILE_AGAIN}")
    header = BlobHeader(*numbers)
    if header.bytes > size:
        raise BlobError(f"{path}: cut short ({size} bytes, expected {header.bytes} by its header). {COMPILE_AGAIN}")
    return header
