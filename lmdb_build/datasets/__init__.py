"""The data sets that can be read: one module for each, and the table of their readers.

To add a data set, write a module with `read(folder, options) -> Found` and add a line to DATASETS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import UsageError
from common.messages import known_names

from ..errors import DatasetError
from ..folders import linked_folders
from ..samples import Found, LeftOut
from . import adience, appa_real, class_folders, csv_table, fgnet, genki4k, imdb_wiki, utkface
from .options import ReaderOptions

__all__ = ["DATASETS", "Dataset", "Reader", "ReaderOptions", "read_dataset"]

Reader = Callable[[Path, ReaderOptions], Found]
"""Reads the labels of a folder's pictures. The pictures themselves are not opened."""


@dataclass(frozen=True)
class Dataset:
    """A data set: its reader, whether that reads a file, how training is balanced by default, and the options it has."""

    read: Reader
    is_file: bool = False
    balance: str = "none"
    options: tuple[str, ...] = ()


DATASETS: dict[str, Dataset] = {
    "utkface": Dataset(utkface.read, balance="copies"),
    "adience": Dataset(adience.read, options=("prefix", "nearest_range")),
    "appa_real": Dataset(appa_real.read),
    "fgnet": Dataset(fgnet.read),
    "genki4k": Dataset(genki4k.read),
    "imdb_wiki": Dataset(imdb_wiki.read, options=("min_face_score", "max_second_face_score", "ages", "unknown_gender")),
    "folder": Dataset(class_folders.read),
    "csv": Dataset(csv_table.read, is_file=True),
}


def find_dataset(kind: str) -> Dataset:
    """Return the data set called `kind`. Raises UsageError if there is none."""
    if kind not in DATASETS:
        raise UsageError(f"--dataset {kind}: no such data set. {known_names(kind, DATASETS)}")
    return DATASETS[kind]


def read_dataset(kind: str, folder: Path, options: ReaderOptions | None = None) -> Found:
    """Return what the reader `kind` finds in `folder`. Raises DatasetError if there is no sample."""
    dataset = find_dataset(kind)
    found = dataset.read(folder, options or ReaderOptions())
    if not dataset.is_file:
        found.left_out += [
            LeftOut(name, "a link to a folder, which is not followed") for name in linked_folders(folder)
        ]
    if found.samples:
        return found
    if dataset.is_file:
        raise DatasetError(f"{folder}: has no pictures. Expected a line for each after the first.")
    if not found.left_out:
        raise DatasetError(f"{folder}: the folder is empty. Expected the pictures of {kind}.")
    raise DatasetError(
        f"{folder}: none of its {len(found.left_out)} files has a name of {kind}. "
        f"The first is {found.left_out[0].name}: {found.left_out[0].reason}."
    )
