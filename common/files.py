"""Atomic outputs: a file or folder is complete or absent. It is written beside its place and renamed into it.

Only what we could have written is ever replaced, and only with `force`: an ordinary file by a file, and a folder of
known contents by a folder. A link, a device, a FIFO or another folder stays as it is, and nothing is written through it.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from .commands import LOGGER
from .errors import MokaError, OutputExists
from .process.signals import UNFINISHED

# No space on the disk, or none left in the user's quota.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_AT_ONCE = 1 << 20
# Where the system keeps devices and the streams of a process.
_OF_THE_SYSTEM = ("/dev/", "/proc/")
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
_ALREADY_THERE = ": already there. Give --force to replace it, or name another output."

Recognise = Callable[[set[str]], bool]
"""Takes the names in a folder that holds only ordinary files, and says whether the folder is one that may be replaced."""


@contextmanager
def atomic_file(path: str | os.PathLike[str], force: bool = False, one_of_many: bool = False) -> Iterator[Path]:
    """Yield the path of an empty temporary file beside `path`. On success it replaces `path`; on an error it is deleted.

    `one_of_many` is for thousands of small files that the next run would make again if a power cut damaged them. It does
    not wait for the disk, does not search the folder for what a killed run left, and only names the temporary file.
    Raises OutputExists as `refuse_existing` does, MokaError if the file cannot be written.
    """
    path = Path(path)
    refuse_existing(path, force)
    with _new_parents(path):
        temporary = _name_beside(path) if one_of_many else _make_beside(path, folder=False)
        try:
            UNFINISHED.add(temporary)
            yield temporary
            if not one_of_many:
                # Otherwise the rename may reach the disk before the contents do.
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
            # Something may have appeared there meanwhile.
            refuse_existing(path, force)
            temporary.replace(path)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _write_error(error, path, temporary) from error
            raise
        finally:
            UNFINISHED.discard(temporary)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str],
    force: bool = False,
    ours: Recognise = lambda names: False,
    begun: Path | None = None,
    keep: bool = False,
) -> Iterator[Path]:
    """Do the same for a folder, such as an LMDB: yield a new, empty folder beside `path`, renamed to `path` on success.

    With `force` an old folder that `ours` recognises, or an empty one, is moved away first, and deleted only after the
    new one has taken its place. Raises OutputExists as `refuse_existing_folder` does.

    `begun` is what an earlier run left beside `path`; it is yielded in place of a new folder. With `keep`, Ctrl-C and other
    signals leave the folder for a later run.
    """
    path = Path(path)
    refuse_existing_folder(path, force, ours)
    with _new_parents(path):
        temporary = begun or _make_beside(path, folder=True)
        stays = False
        try:
            if not keep:
                UNFINISHED.add(temporary)
            yield temporary
            # Something may have appeared there meanwhile.
            refuse_existing_folder(path, force, ours)
            if path.exists():
                _exchange(temporary, path)
            else:
                temporary.replace(path)
        except OSError as error:
            raise _write_error(error, path, temporary) from error
        except (KeyboardInterrupt, SystemExit):
            stays = keep
            raise
        finally:
            if not stays:
                shutil.rmtree(temporary, ignore_errors=True)
            UNFINISHED.discard(temporary)


def write_if_changed(path: Path, text: str) -> None:
    """Write a text file, or leave it if it holds this text: its time then still says when it last changed."""
    if not path.is_file() or path.read_bytes() != text.encode():
        with atomic_file(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")


def refuse_existing(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise OutputExists if something is at `path`; with `force`, only if that is anything but an ordinary file."""
    mode = _mode(path)
    if mode is None:
        return
    if stat.S_ISDIR(mode):
        raise OutputExists(f"{path}: is a folder. Name a file.")
    if not stat.S_ISREG(mode):
        raise OutputExists(_what_is_there(path, mode))
    if not force:
        raise OutputExists(f"{path}{_ALREADY_THERE}")


def refuse_existing_folder(path: str | os.PathLike[str], force: bool, ours: Recognise) -> None:
    """Raise OutputExists if something is at `path`; with `force`, only if `ours` does not recognise it as a folder of ours."""
    mode = _mode(path)
    if mode is None:
        return
    if stat.S_ISREG(mode):
        raise OutputExists(f"{path}: is a file. Name a folder, which is made.")
    if not stat.S_ISDIR(mode):
        raise OutputExists(_what_is_there(path, mode))
    try:
        with os.scandir(path) as entries:
            ordinary = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise MokaError(f"{path}: cannot be read ({error.strerror}). Name another output.") from error
    if ordinary and not (all(ordinary.values()) and ours(set(ordinary))):
        raise OutputExists(
            f"{path}: is a folder that this command did not write (it holds {min(ordinary)}). Nothing was changed, and "
            "--force does not replace it. Name another output."
        )
    if not force:
        raise OutputExists(f"{path}{_ALREADY_THERE}")


def _mode(path: str | os.PathLike[str]) -> int | None:
    """Return the kind and permissions of what is at `path` itself, not of what it links to; None if nothing is there."""
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MokaError(f"{path}: cannot be written ({error.strerror}). Name another output.") from error
    except ValueError as error:
        raise MokaError(f"{os.fspath(path)!r}: holds a NUL byte. No file can have such a name.") from error


def _what_is_there(path: str | os.PathLike[str], mode: int) -> str:
    if stat.S_ISLNK(mode) and not os.fspath(path).startswith(_OF_THE_SYSTEM):
        return (
            f"{path}: is a link to {os.readlink(path)}. Nothing is written through a link or in its place. "  # noqa: PTH115
            "Name what it links to, or another output."
        )
    kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    if stat.S_ISLNK(mode):
        kind = _where_a_stream_leads(path)
    return f"{path}: is {kind}. Name an ordinary file, which is made or replaced as a whole."


def _where_a_stream_leads(path: str | os.PathLike[str]) -> str:
    """Say what is behind a link such as /dev/stdout: a stream of this process, or a device."""
    try:
        mode, end = Path(path).stat().st_mode, os.path.realpath(path)
    except OSError:
        return "a closed stream of this process"
    if stat.S_ISREG(mode):
        return f"a stream of this process that goes into the file {end}"
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return "a stream of this process that goes into a pipe"
    return "the terminal" if end.startswith(_TERMINALS) else "a device"


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


@contextmanager
def _new_parents(path: Path) -> Iterator[None]:
    """On an error, remove the folders above `path` that were made meanwhile, unless something else is in them by then."""
    new = list(takewhile(lambda folder: not folder.exists(), path.parents))
    try:
        yield
    except BaseException:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def _make_beside(path: Path, folder: bool) -> Path:
    """Make an empty file or folder with a new name beside `path`, with the permissions of any new file or folder.

    tempfile is no help: its files are private, and to find the usual permissions the process would have to change its
    umask, which other threads would notice.
    """
    made = path
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
        raise _write_error(error, path, made) from error


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
