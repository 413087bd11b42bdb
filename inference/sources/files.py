"""A file as a source: what it is shows in its first bytes, so that a wrong name does no harm.

That matters most for videos. FFmpeg, which reads them, takes lists of other files and addresses for a video too; a file that
only calls itself film.mp4 must not make it open them. So it gets the containers of the table only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import NamedTuple

from common.file_kinds import HEAD
from common.inputs import open_input

from ..frame import Frame, Unreadable
from . import archive, listing, picture, video


class FileKind(NamedTuple):
    """A kind of file: whether a file of this suffix (lower case) and these first bytes is one, and what reads it."""

    is_one: Callable[[str, bytes], bool]
    frames: Callable[[str], Iterator[Frame | Unreadable]]
    how_many: Callable[[str], int | None]


def _one(_: str) -> int | None:
    return 1


PICTURE = FileKind(lambda suffix, head: picture.is_picture(head), picture.picture_frames, _one)
FILE_KINDS = {
    "video": FileKind(video.is_video, video.video_frames, video.count_video),
    "picture": PICTURE,
    "tar": FileKind(archive.is_archive, archive.archive_frames, archive.count_archive),
    "list": FileKind(
        lambda suffix, head: suffix in listing.SUFFIXES,
        lambda path: listing.list_frames(path, one_file),
        lambda path: listing.count_list(path, count_one),
    ),
}
"""The first that a file is. All others are read as pictures, whose errors say what was found."""
SINGLE = ("video", "picture")
"""What a folder or a list may hold: archives and lists are opened only if they are named themselves."""


def open_file(path: str) -> Iterator[Frame | Unreadable]:
    """Return the frames of any file."""
    return _frames(path, tuple(FILE_KINDS))


def one_file(path: str) -> Iterator[Frame | Unreadable]:
    """Return the frames of a picture or video."""
    return _frames(path, SINGLE)


def count_file(path: str) -> int | None:
    """Return how many frames `open_file` yields, if that is known cheaply."""
    return _kind(path, tuple(FILE_KINDS)).how_many(path)


def count_one(path: str) -> int | None:
    """Return how many frames `one_file` yields, if that is known cheaply. A name of a picture is believed."""
    return 1 if suffix_of(path) in picture.SUFFIXES else _kind(path, SINGLE).how_many(path)


def suffix_of(path: str) -> str:
    """Return the end of a file's name, in lower case, with its dot."""
    return PurePath(path).suffix.lower()


def _frames(path: str, names: tuple[str, ...]) -> Iterator[Frame | Unreadable]:
    yield from _kind(path, names).frames(path)


def _kind(path: str, names: tuple[str, ...]) -> FileKind:
    head, suffix = _head(path), suffix_of(path)
    return next((FILE_KINDS[name] for name in names if head and FILE_KINDS[name].is_one(suffix, head)), PICTURE)


def _head(path: str) -> bytes:
    """Return the first bytes of an ordinary file, or none: a pipe can be read only once, and errors come later."""
    try:
        with open_input(path) as file:
            return file.read(HEAD) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""
