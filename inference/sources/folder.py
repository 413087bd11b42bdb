"""A folder, or a pattern of names, as a source: the pictures and videos in it, in an order that no file system decides."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..frame import Frame, Unreadable
from . import picture, video
from .files import count_one, one_file, suffix_of

_PATTERN = re.compile(r"[*?]|\[.+\]")


def is_folder(word: str) -> bool:
    """Return whether a word is a folder that exists."""
    return "\0" not in word and os.path.isdir(word)  # noqa: PTH112 - pathlib's raises where a name is too long


def open_folder(word: str) -> Iterator[Frame | Unreadable]:
    """Yield the frames of all pictures and videos in a folder and below it.

    Links to folders are not followed, because they may lead in a circle. Hidden files and files of other kinds are passed over.
    """
    found = False
    for path, reason in _walk(word):
        found = True
        yield from [Unreadable(path, reason)] if reason else one_file(path)
    if not found:
        yield Unreadable(word, "a folder without pictures or videos")


def count_folder(word: str) -> int | None:
    """Return how many frames a folder has, or None."""
    return _sum(path if not reason else None for path, reason in _walk(word))


def is_pattern(word: str) -> bool:
    """Return whether a word is a pattern of names, and no file that is called so."""
    return _PATTERN.search(word) is not None and not os.path.lexists(word) and "\0" not in word


def open_pattern(word: str) -> Iterator[Frame | Unreadable]:
    """Yield the frames of all files that match a pattern. `**` stands for folders below each other."""
    found = False
    for path in _matching(word):
        found = True
        yield from one_file(path)
    if not found:
        yield Unreadable(word, "no file matches this pattern")


def count_pattern(word: str) -> int | None:
    """Return how many frames the files that match have, or None."""
    return _sum(iter(_matching(word)))


def _sum(paths: Iterator[str | None]) -> int | None:
    """Add up the frames of files; each None is one that cannot be read."""
    total, found = 0, False
    for path in paths:
        found = True
        count = 1 if path is None else count_one(path)
        if count is None:
            return None
        total += count
    return total if found else 1


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of pictures and videos, sorted, each with "", and of what cannot be entered, with the reason."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield here, (error.strerror or str(error)).lower()
            continue
        below = []
        for entry in found:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif os.path.isdir(entry.path):  # noqa: PTH112 - entry.is_dir raises at a link to itself
                yield entry.path, "a link to a folder, which is not followed. Name the folder itself"
            elif suffix_of(entry.name) in picture.SUFFIXES | video.SUFFIXES:
                yield entry.path, ""
        waiting += reversed(below)


def _matching(pattern: str) -> list[str]:
    """Return the files that match, sorted. Hidden ones match only a pattern that names the dot."""
    path = Path(pattern)
    root = Path(path.anchor)
    parts = path.relative_to(root).as_posix()
    # Fixed folders first: pathlib would otherwise look at each part of the way.
    try:
        found = [str(each) for each in root.glob(parts) if _shown(each, pattern) and not each.is_dir()]
    except (OSError, ValueError, RecursionError):
        return []
    return sorted(found)


def _shown(path: Path, pattern: str) -> bool:
    return "/." in pattern or pattern.startswith(".") or not any(part.startswith(".") for part in path.parts)
