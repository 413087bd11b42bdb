"""One contract for every command line: a room is a table of verbs, and a verb is a module.

A verb's module has

    EXAMPLE                  a command to copy; the verb's --help begins with it
    add_options(parser)      declares the options
    main(options)            does the work; returns None or an exit code

or, if the verb has verbs of its own, a table of them, VERBS. It is imported only when the verb is called, so that `--help`
stays quick. Every verb has the option --debug.

Exit codes: 0 done, 1 something went wrong, 2 the command was used wrongly, 130 interrupted with Ctrl-C; 128 + N ended by
signal N: 143 SIGTERM, 129 SIGHUP, 141 nobody reads the output. An error is one message on stderr; --debug adds the traceback.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import UsageError
from .gflags import rewrite, two_dashes
from .messages import known_names, printable
from .process.allocator import keep_freed_memory
from .process.caches import keep_caches_in_the_checkout
from .process.failures import explain
from .process.signals import ending_in_order, leave_at_once
from .process.streams import settle, show_every_character

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

LOGGER = "moka"
"""The logger that takes the warnings of every room."""


@dataclass(frozen=True)
class Verb:
    """A verb: the module that runs it, and one line about it for lists of verbs.

    `group` is the dependency group whose packages it needs, "" for that of its room.
    """

    module: str
    help: str
    group: str = ""


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
        prog = f"python -m {self.name}"
        others = self.other_verbs(prog) if name == self.default else ""
        return run_verb(self.verbs[name], words, prog if others else f"{prog} {name}", others)

    def run_one(self, name: str, prog: str) -> NoReturn:
        """Run the verb `name` as a command of its own, called `prog` in its help, and exit."""
        run(lambda argv: run_verb(self.verbs[name], argv, prog), None, self.group)

    def other_verbs(self, prog: str) -> str:
        """Return the list of verbs that ends the help of the default one."""
        others = {name: verb for name, verb in self.verbs.items() if name != self.default}
        return f"other verbs, each with its own help ({prog} VERB --help):\n{_lines(others)}"

    def help(self) -> str:
        """Return the list of verbs, with how to call them."""
        return (
            f"usage: python -m {self.name} VERB ...\n\n{self.about}\n\n{_lines(self.verbs)}\n\n"
            f"The options of a verb: python -m {self.name} VERB --help"
        )


def _lines(verbs: Mapping[str, Verb]) -> str:
    width = max(map(len, verbs))
    return "\n".join(f"  {name:{width}}  {verb.help}" for name, verb in verbs.items())


def run_verb(verb: Verb, argv: Sequence[str], prog: str, others: str = "") -> int | None:
    """Parse the options of a verb and run it. `others` ends its help. The first word may name a verb of its own."""
    verbs = inner_verbs(verb)
    if verbs:
        return _run_inner_verb(verb, verbs, argv, prog)
    module = importlib.import_module(verb.module)
    parser = Parser(prog, module.EXAMPLE, verb.help)
    module.add_options(parser)
    parser.epilog = f"{parser.epilog or ''}\n\n{others}".strip()
    result: int | None = module.main(parser.parse_intermixed_args(rewrite(argv, parser)))
    return result


def inner_verbs(verb: Verb) -> Mapping[str, Verb]:
    """Return the verbs of a verb, such as `list` of `blob`; an empty table for most."""
    verbs: Mapping[str, Verb] = getattr(importlib.import_module(verb.module), "VERBS", {})
    return verbs


def _run_inner_verb(verb: Verb, verbs: Mapping[str, Verb], argv: Sequence[str], prog: str) -> int | None:
    """Run the one of `verbs` that `argv` begins with. Without one, or with --help, list them."""
    if not argv or two_dashes(argv)[0] in ("-h", "--help"):
        about = f"{verb.help[0].upper()}{verb.help[1:]}."
        help = f"usage: {prog} VERB ...\n\n{about}\n\n{_lines(verbs)}\n\nThe options of a verb: {prog} VERB --help"
        print(help, file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    name, *words = argv
    if name not in verbs:
        raise UsageError(f'{prog}: no verb "{name}". {known_names(name, verbs)}')
    return run_verb(verbs[name], words, f"{prog} {name}")


def _path(word: str) -> Path:
    """Return the path that an option of `type=Path` names. An empty one is a variable that was never set, not this folder."""
    if not word:
        raise argparse.ArgumentTypeError("is empty; expected a path")
    return Path(word)


class Parser(argparse.ArgumentParser):
    """An argument parser whose help begins with an example, and which raises UsageError. It knows the option --debug.

    An option of `type=Path` refuses an empty path.
    """

    def __init__(self, prog: str, example: str, about: str) -> None:
        super().__init__(
            prog=prog,
            description=f"{about[0].upper()}{about[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.example = example
        self.register("type", Path, _path)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def format_help(self) -> str:
        """Return the example, then argparse's own help."""
        return f"example: {self.example}\n\n{super().format_help()}"

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help. argparse's own method hides that it could not be written."""
        print(self.format_help(), end="", file=file or sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{self.prog}: {message.rstrip('.')}. See {self.prog} --help.")


def run(
    main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None, group: str = "train"
) -> NoReturn:
    """Call `main(argv)` and exit with what it returns, or print a message about its error and exit with its code.

    Warnings to the logger "moka" appear on stderr as `warning: ...`. `group` is the dependency group that the message
    about a missing module names. Signals end `main` as common/process/signals.py says.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_freed_memory()
    keep_caches_in_the_checkout()
    show_every_character()
    try:
        with ending_in_order(), _warnings_on_stderr():
            code = _call(main, arguments, group)
    except KeyboardInterrupt:
        # It came after main had ended.
        leave_at_once(130)
    sys.exit(code)


def _call(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str], group: str) -> int:
    """Call `main`, print a message about its error, and return the exit code."""
    error: BaseException | None = None
    code = 0
    debug = "--debug" in two_dashes(arguments)
    try:
        # Libraries end the process without a word if the current folder was deleted.
        os.getcwd()  # noqa: PTH109
        _check_environment()
        code = main(arguments) or 0
    except BaseException as caught:
        # Without its traceback, what the command held is freed, so that there is memory for the message.
        error = caught if debug else caught.with_traceback(None)
    error = error or settle(sys.stdout)
    if error is None:
        return code
    message, code = explain(error, group)
    settle(sys.stdout)
    try:
        if debug and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        if message:
            print(printable(message), file=sys.stderr)
    except OSError:
        # Nobody reads stderr.
        pass
    settle(sys.stderr)
    return code


def _check_environment() -> None:
    """Raise UsageError for a variable at which a library would end the process without a word."""
    for name in ("OPENCV_IO_MAX_IMAGE_PIXELS", "OPENCV_IO_MAX_IMAGE_WIDTH", "OPENCV_IO_MAX_IMAGE_HEIGHT"):
        text = os.environ.get(name, "")
        if text and not re.fullmatch(r"[0-9]+([KM]B)?", text, re.IGNORECASE):
            raise UsageError(f"{name} in the environment is {text!r}; OpenCV expects a number. Unset it.")


class _Warning(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Warning("warning: %(message)s"))
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
