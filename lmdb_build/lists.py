"""List files: one picture a line, "path label", as Caffe's convert_imageset reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from common.errors import OutputExists
from common.files import atomic_file

from .errors import ListError

_INTEGER = re.compile(r"[+-]?[0-9]+")
# A Datum's label is an int32. Caffe stores negative ones too: -1 is what `ignore_label: -1` leaves out of a loss.
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


class Entry(NamedTuple):
    """A line of a list."""

    path: str
    label: int


def read_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Return the entries in the order of the lines. The label follows the last space, so paths may contain spaces.

    Empty lines at the end are ignored. Raises ListError with the number of the first line that is not "path label".
    """
    try:
        text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror}). Make the lists with build_dataset.py.") from error
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise ListError(f"{path}: is empty. Expected lines of the form: path label")
    return [_entry(line.rstrip("\r"), f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _entry(line: str, where: str) -> Entry:
    path, space, label = line.rpartition(" ")
    if not space or not path:
        raise ListError(f"{where}: {line!r} has no label. Expected a path, a space and a label.")
    if not _INTEGER.fullmatch(label):
        raise ListError(f"{where}: the label {label!r} is not an integer. Expected a path, a space and a label.")
    # int() of many more digits would be slow, or refused by Python.
    if len(label) > 20 or not _SMALLEST <= int(label) <= _LARGEST:
        raise ListError(f"{where}: the label {label[:20]} is out of range; a record holds {_SMALLEST} to {_LARGEST}.")
    return Entry(path, int(label))


def list_text(entries: Iterable[Entry]) -> bytes:
    """Return the bytes of a list file. Raises ListError for a path that could not be read back from it."""
    lines = []
    for path, label in entries:
        if "\n" in path or "\r" in path:
            raise ListError(
                f"{path!r}: a path with a line break cannot be written into a list. Rename the file or folder."
            )
        lines.append(f"{path} {label}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def refuse_other_lists(lists: dict[Path, bytes], force: bool = False) -> None:
    """Raise OutputExists if one of the files exists with other contents and `force` is false."""
    for path, text in lists.items():
        if not force and path.exists() and path.read_bytes() != text:
            raise OutputExists(
                f"{path}: already there, made from other pictures, or with another seed or split. "
                "Give --force to replace all lists."
            )


def write_lists(lists: dict[Path, bytes]) -> None:
    """Write all files or none. A file that already has its contents is left alone."""
    with ExitStack() as stack:
        for path, text in lists.items():
            if not path.exists() or path.read_bytes() != text:
                stack.enter_context(atomic_file(path, force=True)).write_bytes(text)
