"""How a room's command line ends: one line for a person, an exit code for a script."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from .allocator import keep_freed_memory
from .errors import MokaError

_ROOT = Path(__file__).resolve().parents[1]
LOGGER = "moka"  # every room's warnings go to this logger


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> NoReturn:
    """Call `main(argv)` and exit: 0, or a MokaError's exit code after its message; the traceback only with --debug.

    Warnings to the logger "moka" appear on stderr as `warning: ...`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_freed_memory()
    try:
        with _warnings_on_stderr():
            sys.exit(main(arguments) or 0)
    except MokaError as error:
        if "--debug" in arguments:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:  # most likely another Python than that of .venv
        if "--debug" in arguments or (_ROOT / (error.name or "").split(".")[0]).exists():
            raise
        print(
            f"error: {sys.executable} has no module {error.name}. Use {_ROOT}/.venv/bin/python "
            f"(made by: . {_ROOT}/tools/env.sh train), or install locks/train.txt.",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `... | head` has seen enough
        sys.stderr.close()
        sys.exit(0)


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
