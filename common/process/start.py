"""What a command does before it loads anything else. Importing this module does it; only commands import it.

1. Ctrl-C ends the command at once. Python's own KeyboardInterrupt would be a traceback here, or a crash if it meets a
   library that is being loaded. `run` of common/commands.py takes over later.
2. Modules come from the checkout and the Python, not from the current folder, where a user may have a random.py.
   Only `python -m training` takes a training.py there for the room, before us; so documents and messages say ./moka.
3. A standard stream that the caller closed becomes /dev/null. Otherwise the next file that is opened takes its number,
   and what is printed goes into that file.

This module is loaded before the Python is known to be new enough, so it must parse and run in Python 3.6. It imports
little, because Ctrl-C is Python's until it has run.
"""

# pathlib is loaded later.
# ruff: noqa: PTH109, PTH120

import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def _end(number, frame):
    # type: (int, object) -> None
    try:  # noqa: SIM105
        os.write(2, b"stopped\n")
    except OSError:
        pass
    os._exit(128 + number)


def _catch_interrupts():
    # type: () -> None
    """Leave a signal alone that the caller ignores, as nohup and background jobs do."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _keep_the_current_folder_out():
    # type: () -> None
    """Remove what `python -m` and `python -c` put first on the path, unless it is the checkout. Put the checkout there."""
    first = sys.path[0] if sys.path else None
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    if first is not None and first in ("", here) and os.path.realpath(first or here) != ROOT:
        del sys.path[0]
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)


def _open_closed_streams():
    # type: () -> None
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # The stream lives as long as the process.
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


_catch_interrupts()
_keep_the_current_folder_out()
_open_closed_streams()
