"""The folders of a data set: it may come as several archives, each of which is read by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from common.errors import UsageError

from .archive import unpack
from .samples import Found, LeftOut


def open_sources(images: Sequence[Path], is_file: bool, into: Path, most_mb: int | None) -> list[Path]:
    """Take folders as they are, and with `is_file` files; unpack archives into a folder. Raises UsageError for equal names."""
    folders = [each if is_file or each.is_dir() else unpack(each, into, most_mb) for each in images]
    names = [folder.resolve().name for folder in folders]
    for folder, name in zip(folders, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(f"--images {folder}: two of the folders are called {name}. Expected different names.")
    return folders


def merge(folders: Sequence[Path], parts: Sequence[Found]) -> Found:
    """Return what was found in all folders. With several, the name of each picture begins with that of its folder."""
    if len(parts) == 1:
        return parts[0]
    merged = Found()
    for folder, part in zip(folders, parts, strict=True):
        top = folder.resolve().name
        merged.samples += [dataclasses.replace(sample, name=f"{top}/{sample.name}") for sample in part.samples]
        merged.left_out += [LeftOut(f"{top}/{name}", reason) for name, reason in part.left_out]
        merged.notes += part.notes
        for name, task in part.tasks.items():
            if merged.tasks.setdefault(name, task) != task:
                raise UsageError(f"{folder}: its task {name} has other classes than in the folders before it.")
    return merged
