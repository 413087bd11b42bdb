"""Tar archives, read from the beginning to the end without trusting their headers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import IO, cast

DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError)
"""What reading a damaged archive raises, besides OSError."""
PACKERS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
"""What a packed archive begins with: gzip, bzip2, xz."""
# Pictures are compressed already. An archive of twenty times its size, and more than that, is meant to fill disk or time.
MOST_TIMES = 20
_ALWAYS_ALLOWED = 1 << 30
MOST_FILES = 1_000_000
BLOCK = 512
"""Bytes that a header takes in an archive."""
# Bytes. Names longer than that do not exist; tarfile would read them into memory.
_LONGEST_READ = 1 << 22


class TarStream:
    """The bytes of an archive, of which tarfile may read only so many at once: an extended header can claim gigabytes."""

    def __init__(self, file: IO[bytes], compressed: bool) -> None:
        self.compressed = compressed
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, unpacked."""
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def decompressed(file: IO[bytes]) -> TarStream:
    """Return the bytes of an archive that may be plain or packed with gzip, bzip2 or xz."""
    buffered = io.BufferedReader(cast(io.RawIOBase, file))
    gzip_, bzip2, xz = PACKERS
    head = buffered.peek(8)
    stream: object = buffered
    if head.startswith(gzip_):
        stream = gzip.GzipFile(fileobj=buffered, mode="rb")
    elif head.startswith(bzip2):
        stream = bz2.BZ2File(buffered)
    elif head.startswith(xz):
        stream = lzma.LZMAFile(buffered)  # noqa: SIM115 - closed with the archive
    return TarStream(cast(IO[bytes], stream), compressed=stream is not buffered)


def open_tar(stream: TarStream) -> tarfile.TarFile:
    """Open the archive."""
    return tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:")


def open_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """Open a regular file of the archive."""
    source = tar.extractfile(member)
    assert source is not None, "regular files have contents"
    return source


def most_unpacked(packed: int) -> int:
    """Return the most bytes that an archive of `packed` bytes may hold."""
    return max(_ALWAYS_ALLOWED, MOST_TIMES * packed)


def leads_outside(name: str) -> bool:
    """Return whether a member of this name would be unpacked outside the archive's folder."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or not path.parts
