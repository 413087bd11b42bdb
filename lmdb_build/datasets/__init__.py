"""The data sets that can be read: one module for each, and the table of their readers.

To add a data set, write a module with `read(folder) -> (samples, files left out)` and add a line to DATASETS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.errors import UsageError
from common.messages import known_names

from ..errors import DatasetError
from ..folders import linked_folders
from ..samples import LeftOut, Sample
from . import utkface

__all__ = ["DATASETS", "Reader", "read_dataset"]

Reader = Callable[[Path], tuple[list[Sample], list[LeftOut]]]
"""Reads the labels of a folder's pictures. The pictures themselves are not opened."""

DATASETS: dict[str, Reader] = {
    "utkface": utkface.read,
}


def read_dataset(kind: str, folder: Path) -> tuple[list[Sample], list[LeftOut]]:
    """Return the samples of `folder`, sorted by name, and the files left out. Raises DatasetError if there is no sample."""
    if kind not in DATASETS:
        raise UsageError(f"--dataset {kind}: no such data set. {known_names(kind, DATASETS)}")
    samples, left_out = DATASETS[kind](folder)
    left_out += [LeftOut(name, "a link to a folder, which is not followed") for name in linked_folders(folder)]
    if not samples and not left_out:
        raise DatasetError(f"{folder}: the folder is empty. Expected the pictures of {kind}.")
    if not samples:
        raise DatasetError(
            f"{folder}: none of its {len(left_out)} files has a name of {kind}. "
            f"The first is {left_out[0].name}: {left_out[0].reason}."
        )
    return samples, left_out
