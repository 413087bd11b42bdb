"""The text files of data sets: found by their name, read line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from caffe_io.text.picture_list import read_list_text

from ..errors import DatasetError


def find_one(folder: Path, names: Sequence[str], name: str, dataset: str) -> str:
    """Return the one of `names` (paths below `folder`) that ends with `name`. Raises DatasetError if there are none or two."""
    found = [each for each in names if each.rpartition("/")[2] == name]
    if len(found) != 1:
        what = f"holds {len(found)} of them: {', '.join(found[:3])}" if found else "is not there"
        raise DatasetError(
            f"{folder}: {name} of {dataset} {what}. Give the folder that holds the data set as published."
        )
    return found[0]


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is not empty. Raises DatasetError if it cannot be read."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file as UTF-8, without a byte order mark. Raises DatasetError if it cannot be read."""
    try:
        return read_list_text(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
