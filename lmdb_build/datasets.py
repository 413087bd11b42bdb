"""The sets of labelled pictures that can be read: a table from a set's name to the function that reads its folder.

A new set is one function `(folder) -> (samples, files left out)` and one line in DATASETS.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from common.errors import UsageError
from common.tasks import OLDEST

from .errors import DatasetError
from .samples import LeftOut, Sample

_PICTURE_NAME = re.compile(r"(?P<fields>.+?)\s*(\.jpe?g)?(\.chip)?\.(jpe?g|png)", re.IGNORECASE)
_UTKFACE_FIELDS = (  # name, what it may be, in words
    ("age", re.compile(r"[0-9]{1,3}"), f"0-{OLDEST}"),
    ("gender", re.compile(r"[01]"), "0 (male) or 1 (female)"),
    ("race", re.compile(r"[0-4]"), "0-4"),
    ("date", re.compile(r"[0-9]+"), "digits"),
)


def utkface(folder: Path) -> tuple[list[Sample], list[LeftOut]]:
    """UTKFace: age_gender_race_datetime.jpg, or the aligned crops' age_gender_race_datetime.jpg.chip.jpg."""
    samples, left_out = [], []
    for name in files_below(folder):
        try:
            age, gender = utkface_labels(name)
        except ValueError as error:
            left_out.append(LeftOut(name, str(error)))
        else:
            samples.append(Sample(folder / name, name, age, gender))
    return samples, left_out


DATASETS: dict[str, Callable[[Path], tuple[list[Sample], list[LeftOut]]]] = {
    "utkface": utkface,
}


def read_dataset(kind: str, folder: Path) -> tuple[list[Sample], list[LeftOut]]:
    """The samples of `folder`, by name, and the files left out. Raises DatasetError if there is no sample."""
    if kind not in DATASETS:
        near = difflib.get_close_matches(kind, DATASETS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"--dataset {kind}: not known; known are {', '.join(sorted(DATASETS))}.{hint}")
    samples, left_out = DATASETS[kind](folder)
    if not samples and not left_out:
        raise DatasetError(f"{folder}: an empty folder; wanted the pictures of {kind}.")
    if not samples:
        raise DatasetError(
            f"{folder}: none of its {len(left_out)} files has a name of {kind}. "
            f"The first: {left_out[0].name}: {left_out[0].reason}."
        )
    return samples, left_out


def utkface_labels(name: str) -> tuple[int, int]:
    """Age in years and gender (0 male, 1 female) from a UTKFace path or name. Raises ValueError with the reason."""
    match = _PICTURE_NAME.fullmatch(name.rpartition("/")[2])
    if not match:
        raise ValueError("not the name of a .jpg or .png picture")
    fields = match["fields"].split("_")
    if len(fields) != len(_UTKFACE_FIELDS):
        raise ValueError(f"{len(fields)} fields where age_gender_race_datetime was wanted")
    for (what, pattern, wanted), text in zip(_UTKFACE_FIELDS, fields, strict=True):
        if not pattern.fullmatch(text) or (what == "age" and int(text) > OLDEST):
            raise ValueError(f"{what} is {text!r}, wanted {wanted}")
    return int(fields[0]), int(fields[1])


def files_below(folder: Path) -> list[str]:
    """The paths of all files in `folder` and the folders in it, relative, with "/", sorted: no file system's order."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder. Give the folder (or the .tar.gz) that holds the pictures.")

    def stop(error: OSError) -> NoReturn:
        raise DatasetError(f"{error.filename}: cannot be read ({error.strerror}).") from error

    return sorted(
        Path(where, file).relative_to(folder).as_posix()
        for where, _, files in os.walk(folder, onerror=stop)
        for file in files
    )
