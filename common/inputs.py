"""Input files: a command opens ordinary files only, so a FIFO does not hang it and a device does not fill its memory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# What the shell hands over as `<(command)` or `command |` is a pipe too, but somebody writes into it.
_FROM_THE_SHELL = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_LEAST_READ = 1 << 16
_KINDS = [
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
]


def open_input(path: str | os.PathLike[str]) -> BinaryIO:
    """Open an ordinary file for reading, unbuffered. A link is followed; a pipe of the shell's is read as well.

    Raises OSError, with the reason in words as its strerror, for anything else: a FIFO, a device, a socket, a folder, or
    a name that holds a NUL byte.
    """
    name = os.fspath(path)
    try:
        # Without waiting for a FIFO's writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name holds a NUL byte", name) from error
    try:
        mode = os.fstat(descriptor).st_mode
        from_the_shell = stat.S_ISFIFO(mode) and name.startswith(_FROM_THE_SHELL)
        if not stat.S_ISREG(mode) and not from_the_shell:
            kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "no ordinary file")
            raise OSError(errno.EINVAL, f"{kind}, not an ordinary file", name)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def read_input(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """Return the bytes of an ordinary file. With `limit`, a file of more bytes is refused before it fills the memory.

    Raises OSError as `open_input` does.
    """
    with open_input(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if limit is not None and size > limit else _read(file, limit, size)
        if limit is not None and max(size, len(data)) > limit:
            raise OSError(errno.EFBIG, f"larger than the {limit} bytes that are expected at most", os.fspath(path))
        return data


def check_input(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that another library will open. Raises OSError as `open_input` does."""
    open_input(path).close()
    return Path(path)


def _read(file: BinaryIO, limit: int | None, size: int) -> bytes:
    if limit is None:
        return file.read()
    parts = []
    # Every read makes room for what it asks for, which takes long for a limit that is far above the size.
    while limit >= 0 and (part := file.read(min(limit, max(size, _LEAST_READ)) + 1)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
