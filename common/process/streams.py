"""Standard output and standard error, which may be closed, full, or unable to show what is written."""

from __future__ import annotations

import io
import os
import sys


def show_every_character() -> None:
    """Let stdout escape what its encoding lacks: the arrows in help, or bytes in a file name that are no text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def settle(stream: io.TextIOBase | object) -> OSError | None:
    """Write what `stream` still holds. If that fails, return the error, and drop what is written from now on.

    Otherwise Python would complain about it again at its end.
    """
    try:
        stream.flush()  # type: ignore[union-attr]
    except ValueError:
        # It is closed.
        return None
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)
        stream.flush()  # type: ignore[union-attr]
        return error
    return None
