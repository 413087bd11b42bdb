"""Window files: pictures, and in each of them boxes with a class and their overlap with an object.

For each picture, separated by white space:

    # INDEX
    PATH
    CHANNELS HEIGHT WIDTH
    NUMBER OF WINDOWS
    CLASS OVERLAP LEFT TOP RIGHT BOTTOM       for each window; RIGHT and BOTTOM are inside it

INDEX counts the pictures from 0. The class of an object is at least 1.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.inputs import open_input

FloatArray = npt.NDArray[np.float32]

# Characters; a line holds one window.
_LONGEST_LINE = 1 << 16
_NUMBERS_OF_A_WINDOW = 6
_WHOLE = re.compile("[+-]?[0-9]{1,9}")


class Windows(NamedTuple):
    """The pictures' paths, and two arrays of windows x (index of the picture, class, left, top, right, bottom)."""

    pictures: list[str]
    foreground: FloatArray
    background: FloatArray


def read_windows(path: str, root: str, fg_threshold: float, bg_threshold: float) -> Windows:
    """Read a window file. `root` is prefixed to each path as it is.

    Windows that overlap an object by at least fg_threshold are foreground, those below bg_threshold are background, of class
    0; the others are left out. Raises OSError, and ValueError with the reason for contents that are no window file.
    """
    pictures: list[str] = []
    empty = np.zeros((0, _NUMBERS_OF_A_WINDOW), np.float32)
    foreground = [empty]
    background = [empty]
    indices: list[int] = []
    with io.TextIOWrapper(io.BufferedReader(open_input(path)), "utf-8", "surrogateescape") as file:  # type: ignore[type-var]
        tokens = _tokens(file)
        for mark in tokens:
            where = f"picture {len(pictures)}"
            if mark != "#":
                raise ValueError(f"{where}: found {mark[:40]!r}; expected a #, which begins each picture.")
            head = list(islice(tokens, 6))
            count = _whole(head[5], where) if len(head) == 6 else 0
            values = list(islice(tokens, max(0, _NUMBERS_OF_A_WINDOW * count)))
            if len(head) < 6 or len(values) < _NUMBERS_OF_A_WINDOW * count:
                raise ValueError(f"{where}: the file ends in the middle of it.")
            if _whole(head[2], where) != 3:
                raise ValueError(f"{where}: has {head[2][:40]} channels; pictures are read with 3.")
            pictures.append(root + head[1])
            indices.append(_whole(head[0], where))
            windows = _numbers(values, where).reshape(-1, _NUMBERS_OF_A_WINDOW)
            overlaps = windows[:, 1].copy()
            # The overlap gives its place to the index, which comes first.
            windows[:, 1] = windows[:, 0]
            windows[:, 0] = indices[-1]
            above, below = overlaps >= np.float32(fg_threshold), overlaps < np.float32(bg_threshold)
            if (windows[above, 1] < 1).any():
                raise ValueError(
                    f"{where}: a foreground window has class {windows[above, 1].min():g}; expected 1 or more."
                )
            windows[~above, 1] = 0
            foreground.append(windows[above])
            background.append(windows[below & ~above])
    if not pictures:
        raise ValueError("is empty. Expected pictures, each of which begins with a #.")
    if not 0 <= min(indices) <= max(indices) < len(pictures):
        raise ValueError(
            f"the pictures are numbered {min(indices)} to {max(indices)}, but there are {len(pictures)}. Number them from 0."
        )
    return Windows(pictures, np.concatenate(foreground), np.concatenate(background))


def _tokens(file: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"line {number} is too long for a window file.")
        yield from line.split()


def _whole(word: str, where: str) -> int:
    if not _WHOLE.fullmatch(word):
        raise ValueError(f"{where}: {word[:40]!r} is no whole number.")
    return int(word)


def _numbers(words: list[str], where: str) -> FloatArray:
    try:
        found = np.array(words, np.float64)
    except ValueError as error:
        raise ValueError(f"{where}: {error}.") from None
    whole = found.reshape(-1, _NUMBERS_OF_A_WINDOW)[:, [0, 2, 3, 4, 5]]
    # Float32, in which Caffe keeps them, holds no larger whole numbers.
    if not (np.isfinite(found).all() and (np.rint(whole) == whole).all() and (abs(whole) < 1 << 24).all()):
        raise ValueError(
            f"{where}: expected windows of the form CLASS OVERLAP LEFT TOP RIGHT BOTTOM, all but OVERLAP whole."
        )
    return found.astype(np.float32)
