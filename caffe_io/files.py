"""Outputs that are whole or absent: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import MokaError, OutputExists


@contextmanager
def whole_file(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Yield a temporary file's path beside `path`; on success it takes `path`'s place in one step, on error it is gone.

    Raises OutputExists if `path` is there and `force` is false, MokaError if the disk is full or the folder not writable.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _beside(path, folder=False)
    try:
        yield temporary
        with open(temporary, "rb") as written:  # a rename may reach the disk before the bytes do
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """The same for a folder (an LMDB is one): yield a new, empty folder beside `path`, renamed to `path` on success.

    With `force` the old folder is moved away first and removed only after the new one stands in its place.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _beside(path, folder=True)
    try:
        yield temporary
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent)) / path.name
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old.parent)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise OutputExists if something stands at `path` and `force` is false."""
    if Path(path).exists() and not force:
        raise OutputExists(f"{path}: already there. Give --force to replace it, or name another output.")


def _beside(path: Path, folder: bool) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}."
        if folder:
            made = tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=path.parent)
            os.chmod(made, 0o777 & ~_umask())
        else:
            handle, made = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
            os.fchmod(handle, 0o666 & ~_umask())
            os.close(handle)
    except OSError as error:
        raise _explain(error, path) from error
    return Path(made)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _explain(error: OSError, path: Path) -> MokaError:
    if error.errno == errno.ENOSPC:
        return MokaError(f"{path}: the disk is full; nothing was left behind. Free some room, or write to another disk.")
    return MokaError(f"{path}: cannot be written ({error.strerror or error}). Check the folder and its permissions.")
