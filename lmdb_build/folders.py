"""The files in a folder, in an order that no file system decides."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from .errors import DatasetError


def files_below(folder: Path) -> list[str]:
    """Return the sorted paths of all files in `folder` and its subfolders, relative to it and written with "/"."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder. Give the folder (or the .tar.gz) that holds the pictures.")

    def stop(error: OSError) -> NoReturn:
        raise DatasetError(f"{error.filename}: cannot be read ({error.strerror}).") from error

    return sorted(
        Path(where, file).relative_to(folder).as_posix()
        for where, _, files in os.walk(folder, onerror=stop)
        for file in files
    )
