"""A text file that names one picture or video a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from common.errors import PictureError
from common.inputs import read_input

from ..frame import Frame, Unreadable

SUFFIXES = {".txt", ".lst", ".list"}
_LARGEST = 1 << 26
"""Bytes of a list: a million long names."""


def list_frames(path: str, frames: Callable[[str], Iterator[Frame | Unreadable]]) -> Iterator[Frame | Unreadable]:
    """Yield what `frames` yields of each file that a list names. Names are relative to the folder of the list."""
    try:
        names = read_list(path)
    except PictureError as error:
        yield Unreadable(path, str(error))
        return
    if not names:
        yield Unreadable(path, "an empty list. Expected one picture or video a line")
    for name in names:
        yield from frames(name)


def count_list(path: str, count: Callable[[str], int | None]) -> int | None:
    """Return how many frames the files of a list have, or None."""
    try:
        counts = [count(name) for name in read_list(path)]
    except PictureError:
        return 1
    return None if None in counts else sum(each or 0 for each in counts)


def read_list(path: str) -> list[str]:
    """Return the names in a list. Raises PictureError, with the reason alone, if it cannot be read."""
    try:
        data = read_input(path, _LARGEST)
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    lines = (line.strip() for line in data.removeprefix(b"\xef\xbb\xbf").splitlines())
    return [os.path.join(os.path.dirname(path), os.fsdecode(line)) for line in lines if line]  # noqa: PTH118, PTH120
