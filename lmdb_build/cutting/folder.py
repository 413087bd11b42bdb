"""The folder of cut faces: one run at a time writes there, and what a killed run left half-written is removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..folders import files_below
from ..lock import lock_folder

# Names that common/files.py gives to files that are not complete yet.
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}\.part")


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Make the folder if it is not there, and keep other runs away from it until the end.

    Files that a killed run left half-written are removed, because nobody else can be writing them; on a file system without
    locks they stay. Raises MokaError if another run writes to the folder now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, "Wait for it, or give another --out.") as lacking:
        if not lacking:
            for name in files_below(folder):
                if _HALF_WRITTEN.fullmatch(name.rpartition("/")[2]):
                    (folder / name).unlink(missing_ok=True)
        yield
