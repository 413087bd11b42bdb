"""List files: one picture a line, "path label", as Caffe's convert_imageset reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from caffe_io.text.picture_list import ONE_LABEL, has_labels, read_list_text
from common.errors import OutputExists
from common.files import atomic_file

from .errors import ListError

# Python refuses to convert thousands of digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
# A Datum's label is an int32. Caffe stores negative ones too: -1 is what `ignore_label: -1` leaves out of a loss.
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


class Entry(NamedTuple):
    """A line of a list."""

    path: str
    label: int


def read_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Return the entries in the order of the lines. The label follows the last space, so paths may contain spaces.

    Empty lines at the end and a byte order mark at the beginning are ignored. Raises ListError with the number of the first
    line that is not "path label".
    """
    try:
        text = read_list_text(path)
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
        hint = ONE_LABEL if _is_decimal(label) else "Expected a path, a space and a label."
        raise ListError(f"{where}: the label {label!r} is not an integer. {hint}")
    if not _SMALLEST <= int(label) <= _LARGEST:
        raise ListError(f"{where}: the label {label} is out of range; a record holds {_SMALLEST} to {_LARGEST}.")
    return Entry(path, int(label))


def _is_decimal(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return "_" not in label


def refuse_several_labels(path: str, prefix: str, entries: Iterable[Entry]) -> None:
    """Raise ListError if a line of the list at `path` has several labels: the last alone would be taken for its label.

    A file may have such a name, so one below `prefix` is looked for first.
    """
    for number, entry in enumerate(entries, start=1):
        if has_labels(entry.path) and not os.path.lexists(prefix + entry.path):
            raise ListError(f'{path}, line {number}: "{entry.path} {entry.label}" has several labels. {ONE_LABEL}')


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


def write_lists(lists: dict[Path, bytes], stale: Iterable[Path] = ()) -> None:
    """Write all files or none, and delete the `stale` ones. A file that already has its contents is left alone.

    A kill may leave only some of the files. So those that change are deleted before the first new one appears: old and new
    lists are never side by side, because a picture could be in the old training part and in the new test part.
    """
    changed = {path: text for path, text in lists.items() if not path.exists() or path.read_bytes() != text}
    with ExitStack() as stack:
        # The last that is entered appears first.
        for path, text in reversed(changed.items()):
            stack.enter_context(atomic_file(path, force=True)).write_bytes(text)
        for path in (*stale, *changed):
            if path.is_file() and not path.is_symlink():
                path.unlink()
