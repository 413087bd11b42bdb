"""The lock of a folder into which one run at a time writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import MokaError


@contextmanager
def lock_folder(folder: Path, advice: str) -> Iterator[OSError | None]:
    """Hold the lock of a folder in the block. Yields the reason why there is none, where the file system has no locks.

    The lock ends with the process, however that ends. Raises MokaError, which ends with `advice`, if another run has it.
    """
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lacking: OSError | None = None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MokaError(f"{folder}: another run writes there now. {advice}") from error
        except OSError as error:
            lacking = error
        yield lacking
    finally:
        os.close(descriptor)
