"""The files in a folder, in an order that no file system decides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from .errors import DatasetError


def files_below(folder: Path) -> list[str]:
    """Return the sorted paths of all files in `folder` and its subfolders, relative to it and written with "/".

    Links to folders are not followed, because they may lead in a circle; `linked_folders` names them.
    """
    return sorted(
        Path(where, file).relative_to(folder).as_posix() for where, _, files in _walk(folder) for file in files
    )


def linked_folders(folder: Path) -> list[str]:
    """Return the sorted paths of all links to folders in `folder`, as `files_below` does for files."""
    paths = (Path(where, name) for where, folders, _ in _walk(folder) for name in folders)
    return sorted(path.relative_to(folder).as_posix() for path in paths if path.is_symlink())


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder. Give the folder (or the .tar.gz) that holds the pictures.")

    def stop(error: OSError) -> NoReturn:
        raise DatasetError(f"{error.filename}: cannot be read ({error.strerror}).") from error

    return os.walk(folder, onerror=stop)
