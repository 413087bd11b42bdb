"""Atomic outputs: a file or folder is complete or absent. It is written beside its place and renamed into it."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import LOGGER
from .errors import MokaError, OutputExists
from .process.signals import UNFINISHED

# No space on the disk, or none left in the user's quota.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_AT_ONCE = 1 << 20


@contextmanager
def atomic_file(path: str | os.PathLike[str], force: bool = False, one_of_many: bool = False) -> Iterator[Path]:
    """Yield the path of an empty temporary file beside `path`. On success it replaces `path`; on an error it is deleted.

    `one_of_many` is for thousands of small files that the next run would make again if a power cut damaged them. It does
    not wait for the disk, does not search the folder for what a killed run left, and only names the temporary file.
    Raises OutputExists if `path` exists and `force` is false, MokaError if the file cannot be written.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _name_beside(path) if one_of_many else _make_beside(path, folder=False)
    try:
        UNFINISHED.add(temporary)
        yield temporary
        if not one_of_many:
            # Otherwise the rename may reach the disk before the contents do.
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _write_error(error, path, temporary) from error
        raise
    finally:
        UNFINISHED.discard(temporary)


@contextmanager
def atomic_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Do the same for a folder, such as an LMDB: yield a new, empty folder beside `path`, renamed to `path` on success.

    With `force` an old folder is moved away first, and deleted only after the new one has taken its place.
    """
    path = Path(path)
    refuse_existing(path, force)
    temporary = _make_beside(path, folder=True)
    try:
        UNFINISHED.add(temporary)
        yield temporary
        if path.exists():
            _exchange(temporary, path)
        else:
            temporary.replace(path)
    except OSError as error:
        raise _write_error(error, path, temporary) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        UNFINISHED.discard(temporary)


def refuse_existing(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise OutputExists if `path` exists and `force` is false."""
    if not force and Path(path).exists():
        raise OutputExists(f"{path}: already there. Give --force to replace it, or name another output.")


def file_hash(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's contents as hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while part := file.read(_READ_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _exchange(new: Path, path: Path) -> None:
    """Put the folder `new` in the place of what is at `path`. If that fails, the old one is back at `path`."""
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


def _make_beside(path: Path, folder: bool) -> Path:
    """Make an empty file or folder with a new name beside `path`, with the permissions of any new file or folder.

    tempfile is no help: its files are private, and to find the usual permissions the process would have to change its
    umask, which other threads would notice.
    """
    try:
        made = _name_beside(path)
        _warn_about_leftovers(path)
        while True:
            try:
                if folder:
                    made.mkdir()
                else:
                    made.touch(exist_ok=False)
                return made
            except FileExistsError:
                made = _name_beside(path)
    except OSError as error:
        raise _write_error(error, path, path) from error


def _name_beside(path: Path) -> Path:
    """Return a new name beside `path`, in a folder that exists."""
    if not path.parent.is_dir():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _write_error(error, path, path) from error
    return path.parent / f".{path.name}.{secrets.token_hex(4)}.part"


def _warn_about_leftovers(path: Path) -> None:
    """Warn about what a killed run left beside `path`. It is not deleted, because another run may be writing there."""
    names = re.compile(re.escape(f".{path.name}.") + r"(\w{8}\.part|old\.\w{8})")
    for found in sorted(found for found in path.parent.iterdir() if names.fullmatch(found.name)):
        logging.getLogger(LOGGER).warning(
            "%s: left by a run that was killed while it wrote %s. Delete it, unless another run is writing there now.",
            found,
            path.name,
        )


def _write_error(error: OSError, path: Path, temporary: Path) -> MokaError:
    reason = error.strerror or str(error)
    if error.errno in _DISK_FULL:
        return MokaError(f"{path}: the disk is full; nothing was left behind. Free some space, or use another disk.")
    culprit = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else temporary
    if not culprit.is_relative_to(temporary) and not path.is_relative_to(culprit):
        # An input could not be read.
        return MokaError(f"{culprit}: {reason}. Therefore {path} was not written.")
    return MokaError(f"{path}: cannot be written ({reason}). Check the folder and its permissions.")
