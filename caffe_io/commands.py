"""How a room's command line ends: one line for a person, an exit code for a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from .errors import MokaError


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> NoReturn:
    """Call `main(argv)` and exit: 0, or a MokaError's exit code after its message; the traceback only with --debug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        sys.exit(main(arguments) or 0)
    except MokaError as error:
        if "--debug" in arguments:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `... | head` has seen enough
        sys.stderr.close()
        sys.exit(0)
