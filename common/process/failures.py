"""What a command says about an error that ended it, and its exit code."""

from __future__ import annotations

import os
import signal
import sys

from ..errors import MokaError
from ..messages import is_lack_of_memory, last_line
from ..places import ROOT, VENV_PYTHON
from .signals import Terminated


def explain(error: BaseException, group: str) -> tuple[str, int]:
    """Return the message about an error, and the exit code.

    Where an error is foreseen, code raises a MokaError. This is the net below: it knows what any command may meet, and
    calls everything else a fault of ours.
    """
    if isinstance(error, MokaError):
        return f"error: {error}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "stopped", 130
    if isinstance(error, SystemExit):
        return _explain_exit(error)
    if isinstance(error, BrokenPipeError):
        # The reader of `... | head` has what it wanted.
        return "", 128 + signal.SIGPIPE
    if is_lack_of_memory(error):
        reason = f" ({last_line(error)})" if str(error) else ""
        return (
            f"error: there is not enough memory{reason}. Give the process more, or use smaller batches, pictures or nets."
        ), 1
    if isinstance(error, OSError):
        return f"error: {_explain_system(error)}", 1
    if isinstance(error, ModuleNotFoundError) and not (ROOT / (error.name or "").split(".")[0]).exists():
        # Most likely this is another Python than that of .venv.
        return (
            f"error: {sys.executable}: has no module {error.name}. Use {VENV_PYTHON} (./moka makes it), "
            f"or install the packages: {sys.executable} -m pip install -r {ROOT}/locks/{group}.txt"
        ), 1
    text = last_line(error)
    if isinstance(error, RecursionError):
        return "error: an input is nested too deeply to be read.", 1
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        # Where a name goes into a file format that stores text as UTF-8.
        return f"error: {error.object!a}: this name is not UTF-8. Rename the file or folder.", 1
    if isinstance(error, ValueError) and text.startswith("embedded null"):
        return "error: the name of a file holds a NUL byte. No file can have such a name.", 1
    return (
        f"error: {type(error).__name__}: {text}. This is a fault in Moka. "
        "Run the command again with --debug, and report what it prints."
    ), 1


def _explain_exit(ending: SystemExit) -> tuple[str, int]:
    """Return what sys.exit(ending.code) would print and exit with. Terminated says "stopped" as well."""
    if ending.code is None or isinstance(ending.code, int):
        return "stopped" if isinstance(ending, Terminated) else "", ending.code or 0
    return str(ending.code), 1


def _explain_system(error: OSError) -> str:
    """Say what the system refused, and with which file."""
    reason = error.strerror or last_line(error)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename}: {reason}."
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return "the current folder was deleted. Change to a folder that exists."
    # Errors about our own files are MokaErrors and have names.
    return f"standard output or input: {reason}."
