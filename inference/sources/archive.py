"""A tar of pictures as a source. Nothing is unpacked to the disk: each picture is decoded from memory."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import PurePosixPath

from common.inputs import open_input
from common.pictures.archives import (
    BLOCK,
    DAMAGED,
    MOST_FILES,
    PACKERS,
    decompressed,
    leads_outside,
    most_unpacked,
    open_member,
    open_tar,
)
from common.pictures.header import largest_file

from ..frame import Frame, Unreadable
from . import picture, video
from .picture import frame_of

_MAGIC, _MAGIC_AT = b"ustar", 257


def is_archive(suffix: str, head: bytes) -> bool:
    """Return whether a file is a tar, plain or packed with gzip, bzip2 or xz."""
    return suffix == ".tar" or head.startswith(PACKERS) or head[_MAGIC_AT:].startswith(_MAGIC)


def archive_frames(path: str) -> Iterator[Frame | Unreadable]:
    """Yield the pictures in a tar, in its order, each called TAR:MEMBER. Files of other kinds are passed over.

    Members that are links, devices or sparse, or whose names lead outside, are unreadable. Reading ends early if the
    archive is damaged or unpacks to far more than its size.
    """
    try:
        with open_input(path) as file, open_tar(decompressed(file)) as tar:
            yield from _members(path, tar, most_unpacked(os.fstat(file.fileno()).st_size))
    except DAMAGED as error:
        yield Unreadable(path, f"not a tar archive, or damaged ({error}). Download it again")
    except OSError as error:
        # Among others for a wrong checksum of gzip.
        yield Unreadable(path, (error.strerror or str(error)).lower())


def count_archive(path: str) -> int | None:
    """Return how many pictures a plain tar has. One that is packed would have to be unpacked for that."""
    try:
        with open_input(path) as file:
            stream = decompressed(file)
            if stream.compressed:
                return None
            with open_tar(stream) as tar:
                return max(1, sum(1 for member in _headers(tar) if _is_wanted(member)))
    except (*DAMAGED, OSError):
        return None


def _members(path: str, tar: tarfile.TarFile, most: int) -> Iterator[Frame | Unreadable]:
    total, found = 0, False
    for number, member in enumerate(_headers(tar)):
        total += member.size + BLOCK
        if total > most:
            yield Unreadable(path, f"unpacks to more than {most >> 20} MB, so the rest was left out. Divide it")
            return
        if number >= MOST_FILES:
            yield Unreadable(path, f"holds more than {MOST_FILES} files, so the rest was left out. Divide it")
            return
        if not _is_wanted(member):
            continue
        found = True
        name = f"{path}:{member.name}"
        if reason := _why_not(member):
            yield Unreadable(name, reason)
            continue
        begun = time.perf_counter()
        with open_member(tar, member) as source:
            data = source.read()
        if len(data) < member.size:
            raise tarfile.ReadError("unexpected end of data")
        yield frame_of(name, data, begun)
    if not found:
        yield Unreadable(path, "an archive without pictures")


def _headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield what the archive holds, without keeping it: tarfile would remember a million members."""
    while member := tar.next():
        yield member
        tar.members.clear()  # type: ignore[attr-defined]


def _is_wanted(member: tarfile.TarInfo) -> bool:
    """Return whether a member is called like a picture or video. Hidden ones are what other systems left beside them."""
    path = PurePosixPath(member.name)
    wanted = path.suffix.lower() in picture.SUFFIXES | video.SUFFIXES
    return wanted and not path.name.startswith(".") and not member.isdir()


def _why_not(member: tarfile.TarInfo) -> str:
    """Return why a member is not read, or ""."""
    if leads_outside(member.name) or "\0" in member.name:
        return "its name leads outside the archive"
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}, and links in archives are not followed"
    if member.issparse() or not member.isfile():
        return "not an ordinary file"
    if member.size > largest_file():
        return f"{member.size} bytes, more than the {largest_file()} that are expected at most"
    if not member.size:
        return "an empty file (0 bytes)"
    if PurePosixPath(member.name).suffix.lower() in video.SUFFIXES:
        return "a video in an archive. Unpack it first"
    return ""
