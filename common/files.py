"""Atomic outputs: complete or absent, written beside their place and renamed into it. And the hash of a file."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import LOGGER
from .errors import MokaError, OutputExists

_FULL = (errno.ENOSPC, errno.EDQUOT)  # no room on the disk, or none left of the user's share


@contextmanager
def atomic_file(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Yield a temporary file's path beside `path`; on success it takes `path`'s place in one step, on error it is gone.

    Raises OutputExists if `path` is there and `force` is false, MokaError if the disk is full or the folder is not
    writable.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _beside(path, folder=False)
    try:
        yield temporary
        with temporary.open("rb") as written:  # a rename may reach the disk before the bytes do
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _explain(error, path, temporary) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """The same for a folder (an LMDB is one): yield a new, empty folder beside `path`, renamed to `path` on success.

    With `force` the old folder is moved away first and removed only after the new one stands in its place.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _beside(path, folder=True)
    try:
        yield temporary
        if path.exists():
            _exchange(temporary, path)
        else:
            temporary.replace(path)
    except OSError as error:
        raise _explain(error, path, temporary) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise OutputExists if something stands at `path` and `force` is false."""
    if Path(path).exists() and not force:
        raise OutputExists(f"{path}: already there. Give --force to replace it, or name another output.")


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _exchange(new: Path, path: Path) -> None:
    """Put the folder `new` in the place of the folder or file at `path`, which is back there if that fails."""
    keep = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = keep / path.name
    try:
        path.replace(old)
        try:
            new.replace(path)
        except OSError:
            old.replace(path)
            raise
    except OSError:
        keep.rmdir()
        raise
    shutil.rmtree(keep)


def _beside(path: Path, folder: bool) -> Path:
    prefix = f".{path.name}."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _tell_leftovers(path, prefix)
        if folder:
            made = tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=path.parent)
            Path(made).chmod(0o777 & ~_umask())
        else:
            handle, made = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
            os.fchmod(handle, 0o666 & ~_umask())
            os.close(handle)
    except OSError as error:
        raise _explain(error, path, path) from error
    return Path(made)


def _tell_leftovers(path: Path, prefix: str) -> None:
    """Warn of what a killed run left beside `path`. Nothing reads it, and another run may be at work in it: it stays."""
    left = re.compile(re.escape(prefix) + r"(\w{8}\.part|old\.\w{8})")
    for found in sorted(found for found in path.parent.iterdir() if left.fullmatch(found.name)):
        logging.getLogger(LOGGER).warning(
            "%s: left by a run that was killed while it wrote %s. Delete it, unless another run is writing there now.",
            found, path.name,
        )  # fmt: skip


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _explain(error: OSError, path: Path, temporary: Path) -> MokaError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return MokaError(
            f"{path}: the disk is full; nothing was left behind. Free some room, or write to another disk."
        )
    culprit = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else temporary
    if not culprit.is_relative_to(temporary) and not path.is_relative_to(culprit):  # an input failed, not the output
        return MokaError(f"{culprit}: {reason}; {path} was therefore not written.")
    return MokaError(f"{path}: cannot be written ({reason}). Check the folder and its permissions.")
