"""The folder of cut faces: one run at a time writes there, and what a killed run left half-written is removed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import MokaError

from ..folders import files_below

# Names that common/files.py gives to files that are not complete yet.
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}\.part")


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Make the folder if it is not there, and keep other runs away from it until the end.

    Files that a killed run left half-written are removed, because nobody else can be writing them. Raises MokaError if
    another run writes to the folder now.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            # It ends with the process, however that ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MokaError(f"{folder}: another run writes there now. Wait for it, or give another --out.") from error
        except OSError:
            # A file system without locks. Then nothing is removed.
            yield
            return
        for name in files_below(folder):
            if _HALF_WRITTEN.fullmatch(name.rpartition("/")[2]):
                (folder / name).unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)
