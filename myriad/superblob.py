"""A superblob: the blobs of one network for 1 to 16 SHAVEs in one file, as Luxonis's depthai 3 reads it.

It is a header of 17 numbers, one blob, and 16 patches, which turn that blob into those for 1, 2 ... 16 SHAVEs. The numbers are
the size of the blob and those of the patches: 8 bytes each, big-endian. The patch of the blob itself has no bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.inputs import read_input

from .errors import BlobError
from .header import SUPERBLOB_HEAD as HEAD
from .header import parse_header
from .patch import START, apply_patch

SHAVES = 16
LARGEST = 1 << 31
_SIZES = struct.Struct(f">{1 + SHAVES}q")


@dataclass(frozen=True)
class Superblob:
    """A blob, and the patches for 1 to 16 SHAVEs; that of the blob itself is empty."""

    path: str
    base: bytes = field(repr=False)
    patches: tuple[bytes, ...] = field(repr=False)

    def blob(self, shaves: int) -> bytes:
        """Return the blob for so many SHAVEs. Raises BlobError if its patch is damaged."""
        if not 1 <= shaves <= SHAVES:
            raise BlobError(f"{self.path}: has no blob for {shaves} SHAVEs, expected 1 to {SHAVES}.")
        patch = self.patches[shaves - 1]
        try:
            # Blobs of one network differ little in size.
            found = apply_patch(self.base, patch, 4 * len(self.base) + (1 << 20)) if patch else self.base
        except BlobError as error:
            raise BlobError(f"{self.path}: the blob for {shaves} SHAVEs is damaged. {error}") from error
        header = parse_header(found, len(found), self.path)
        if header.shaves != shaves:
            raise BlobError(f"{self.path}: the blob for {shaves} SHAVEs is for {header.shaves}.")
        return found


def read_superblob(path: str | os.PathLike[str]) -> Superblob:
    """Read the superblob at `path`. Raises BlobError if the file is missing, no superblob, or cut short."""
    name = os.fspath(path)
    try:
        data = read_input(path, LARGEST)
    except OSError as error:
        raise BlobError(f"{name}: cannot be read ({error.strerror}). Expected a superblob.") from error
    sizes = _SIZES.unpack_from(data) if len(data) >= HEAD else ()
    if not sizes or min(sizes) < 0 or HEAD + sum(sizes) != len(data):
        raise BlobError(f"{name}: {len(data)} bytes that are no superblob. ./moka compile --superblob writes one.")
    parts = []
    at = HEAD
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    if any(patch and not patch.startswith(START) for patch in parts[1:]):
        raise BlobError(f"{name}: is no superblob, or damaged: a patch does not begin with {START.decode()}.")
    return Superblob(name, parts[0], tuple(parts[1:]))


def pack(base: bytes, patches: Mapping[int, bytes]) -> bytes:
    """Return a superblob: a blob, and by the number of SHAVEs the patches that make the others of it.

    The blob's own number has no patch.
    """
    numbers = range(1, SHAVES + 1)
    own = parse_header(base, len(base), "the blob of a superblob").shaves
    if {*patches, own} != set(numbers) or own in patches:
        raise BlobError(
            f"A superblob of {len(patches)} patches, expected those for 1 to {SHAVES} SHAVEs, but not for {own}."
        )
    parts = [patches.get(number, b"") for number in numbers]
    return _SIZES.pack(len(base), *map(len, parts)) + base + b"".join(parts)
