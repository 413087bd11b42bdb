"""One contract for every command line: a room is a table of verbs, and a verb is a module.

A verb's module has

    EXAMPLE                  a command to copy; the verb's --help begins with it
    add_options(parser)      declares the options
    main(options)            does the work; returns None or an exit code

It is imported only when the verb is called, so that `--help` stays quick. Every verb has the option --debug.

Exit codes: 0 done, 1 something went wrong, 2 the command was used wrongly, 130 interrupted. An error is one line on
stderr; --debug adds the traceback.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from .allocator import keep_freed_memory
from .errors import MokaError, UsageError
from .gflags import rewrite, two_dashes
from .messages import known_names
from .places import ROOT, VENV_PYTHON

LOGGER = "moka"
"""The logger that takes the warnings of every room."""


@dataclass(frozen=True)
class Verb:
    """A verb: the module that runs it, and one line about it for lists of verbs."""

    module: str
    help: str


@dataclass(frozen=True)
class Room:
    """A room with a command line, `python -m NAME VERB`.

    `default` is the verb to use if the command line begins with an option. `group` is the dependency group (runner or
    train) whose packages the verbs need. `moved` names verbs of older versions and the room where each is now.
    """

    name: str
    about: str
    verbs: Mapping[str, Verb]
    default: str = ""
    group: str = "train"
    moved: Mapping[str, str] = field(default_factory=dict)

    def run(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Run the verb that `argv` (default: sys.argv) begins with, and exit."""
        run(self.main, argv, self.group)

    def main(self, argv: Sequence[str]) -> int | None:
        """Run the verb that `argv` begins with. Without a verb, or with --help, list the verbs."""
        if self.default and (not argv or argv[0].startswith("-")):
            argv = [self.default, *argv]
        if not argv or argv[0] in ("-h", "--help"):
            print(self.help(), file=sys.stdout if argv else sys.stderr)
            return 0 if argv else 2
        name, *words = argv
        if name in self.moved:
            raise UsageError(
                f"python -m {self.name}: {name} has moved. Use `./moka {name}` or `python -m {self.moved[name]} {name}`."
            )
        if name not in self.verbs:
            raise UsageError(f'python -m {self.name}: no verb "{name}". {known_names(name, self.verbs)}')
        prog = f"python -m {self.name}" if name == self.default else f"python -m {self.name} {name}"
        return run_verb(self.verbs[name], words, prog)

    def run_one(self, name: str, prog: str) -> NoReturn:
        """Run the verb `name` as a command of its own, called `prog` in its help, and exit."""
        run(lambda argv: run_verb(self.verbs[name], argv, prog), None, self.group)

    def help(self) -> str:
        """Return the list of verbs, with how to call them."""
        width = max(map(len, self.verbs))
        lines = [f"  {name:{width}}  {verb.help}" for name, verb in self.verbs.items()]
        return "\n".join(
            [
                f"usage: python -m {self.name} VERB ...",
                "",
                self.about,
                "",
                *lines,
                "",
                f"The options of a verb: python -m {self.name} VERB --help",
            ]
        )


def run_verb(verb: Verb, argv: Sequence[str], prog: str) -> int | None:
    """Parse the options of a verb and run it."""
    module = importlib.import_module(verb.module)
    parser = Parser(prog, module.EXAMPLE, verb.help)
    module.add_options(parser)
    result: int | None = module.main(parser.parse_intermixed_args(rewrite(argv, parser)))
    return result


class Parser(argparse.ArgumentParser):
    """An argument parser whose help begins with an example, and which raises UsageError. It knows the option --debug."""

    def __init__(self, prog: str, example: str, about: str) -> None:
        super().__init__(
            prog=prog,
            description=f"{about[0].upper()}{about[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.example = example
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def format_help(self) -> str:
        """Return the example, then argparse's own help."""
        return f"example: {self.example}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{self.prog}: {message.rstrip('.')}. See {self.prog} --help.")


def run(
    main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None, group: str = "train"
) -> NoReturn:
    """Call `main(argv)` and exit with what it returns, or print a MokaError's message and exit with its code.

    Warnings to the logger "moka" appear on stderr as `warning: ...`. `group` is the dependency group that the message
    about a missing module names.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_freed_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name may hold bytes that the terminal cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _warnings_on_stderr():
            sys.exit(main(arguments) or 0)
    except BrokenPipeError:
        # The reader of `... | head` has closed the pipe.
        sys.stderr.close()
        sys.exit(0)
    except (MokaError, ModuleNotFoundError, KeyboardInterrupt) as error:
        message, code = _explain(error, group)
        if "--debug" in two_dashes(arguments):
            traceback.print_exc()
        print(message, file=sys.stderr)
        sys.exit(code)


def _explain(error: BaseException, group: str) -> tuple[str, int]:
    """Return the message and the exit code. A missing module of our own is a bug, so it is raised again."""
    if isinstance(error, MokaError):
        return f"error: {error}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "stopped", 130
    assert isinstance(error, ModuleNotFoundError)
    if (ROOT / (error.name or "").split(".")[0]).exists():
        raise error
    # Most likely this is another Python than that of .venv.
    return (
        f"error: {sys.executable}: has no module {error.name}. Use {VENV_PYTHON} (./moka makes it), "
        f"or install the packages: {sys.executable} -m pip install -r {ROOT}/locks/{group}.txt"
    ), 1


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
