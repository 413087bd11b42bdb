"""One contract for every command line: a room is a table of verbs, and a verb is a module.

A verb's module has

    EXAMPLE                  a command to copy; the verb's --help begins with it
    add_options(parser)      declares the options
    main(options)            does the work; returns None or an exit code

It is imported only when the verb is called, so that `--help` stays quick. Every verb has the option --debug.

Exit codes: 0 done, 1 something went wrong, 2 the command was used wrongly, 130 interrupted with Ctrl-C; 128 + N ended by
signal N: 143 SIGTERM, 129 SIGHUP, 141 nobody reads the output. An error is one message on stderr; --debug adds the traceback.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import MokaError, UsageError
from .gflags import rewrite, two_dashes
from .messages import is_lack_of_memory, known_names, last_line, printable
from .places import ROOT, VENV_PYTHON
from .process.allocator import keep_freed_memory
from .process.caches import keep_caches_in_the_checkout
from .process.signals import Terminated, ending_in_order, leave_at_once
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
    """Parse the options of a verb and run it. `others` ends its help."""
    module = importlib.import_module(verb.module)
    parser = Parser(prog, module.EXAMPLE, verb.help)
    module.add_options(parser)
    parser.epilog = f"{parser.epilog or ''}\n\n{others}".strip()
    result: int | None = module.main(parser.parse_intermixed_args(rewrite(argv, parser)))
    return result


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
    message, code = _explain(error, group)
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


def _explain(error: BaseException, group: str) -> tuple[str, int]:
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
