"""Caffe's spellings of options, which are those of the gflags library, in the words of argparse.

    -solver FILE, --solver=FILE           one dash or two
    --gray, --gray=true, --nogray         a switch; it never takes the next word
    --resize-height 8                     dashes for underscores

The last of several spellings of one option counts.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

_TRUE = ("1", "t", "true", "y", "yes")
_FALSE = ("0", "f", "false", "n", "no")
_OPTION = re.compile(r"--?([A-Za-z][\w-]*)(?:=(.*))?", re.DOTALL)

# The options of Google's log library, which all of Caffe's tools have. Our log always goes to stderr.
_LOG_SWITCHES = (
    *("alsologtostderr", "logtostderr", "colorlogtostderr", "log_prefix", "drop_log_memory"),
    *("stop_logging_if_full_disk", "symbolize_stacktrace"),
)
_LOG_OPTIONS = (
    *("alsologtoemail", "log_backtrace_at", "log_dir", "log_link", "logbuflevel", "logbufsecs", "logemaillevel"),
    *("logfile_mode", "logmailer", "max_log_size", "minloglevel", "stderrthreshold", "v", "vmodule"),
)


def rewrite(argv: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the words of a command line in argparse's spelling, for a parser that has its options already."""
    options = {_plain(option): action for option, action in parser._option_string_actions.items()}
    switches: dict[str, bool] = {}
    words: list[str] = []
    for index, word in enumerate(argv):
        if word == "--":
            words += argv[index:]
            break
        found = _OPTION.fullmatch(word)
        if not found:
            words.append(word)
            continue
        name, value = _plain(found[1]), found[2]
        action = options.get(name)
        if action is None and value is None and name.startswith("no") and _is_switch(options.get(name[2:])):
            switches[name[2:]] = False
        elif action is None:
            words += two_dashes([word])
        elif _is_switch(action):
            switches[name] = _truth(value, name, parser)
        else:
            words.append(action.option_strings[-1] + ("" if value is None else f"={value}"))
    return [options[name].option_strings[-1] for name, is_on in switches.items() if is_on] + words


def two_dashes(argv: Sequence[str]) -> list[str]:
    """Write options such as -solver with two dashes."""
    return [re.sub(r"^-(?=[a-z_]{2})", "--", word) for word in argv]


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of Caffe's log, which are taken and ignored. Only that the log goes to stderr is as it says."""
    for name in ("alsologtostderr", "logtostderr"):
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    add_ignored(parser, _LOG_OPTIONS, _LOG_SWITCHES[2:])


def add_ignored(parser: argparse.ArgumentParser, options: Iterable[str], switches: Iterable[str] = ()) -> None:
    """Add options with a value, and switches, that are taken and ignored, with one line about each that is given.

    Options that the parser has already stay as they are.
    """
    for names, action in ((options, _Ignored), (switches, _IgnoredSwitch)):
        for name in names:
            if f"--{name}" not in parser._option_string_actions:
                parser.add_argument(f"--{name}", action=action, dest=argparse.SUPPRESS, help=argparse.SUPPRESS)


class _Ignored(argparse.Action):
    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        # The logger of all warnings, common.commands.LOGGER; that module imports this one.
        logging.getLogger("moka").warning("%s has no meaning here and is ignored.", option)


class _IgnoredSwitch(_Ignored):
    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _is_switch(action: argparse.Action | None) -> bool:
    return isinstance(action, argparse._StoreTrueAction | _IgnoredSwitch)


def _truth(value: str | None, name: str, parser: argparse.ArgumentParser) -> bool:
    known = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    if value is not None and value.lower() not in known:
        parser.error(f"--{name}={value}: expected true or false")
    return value is None or known[value.lower()]
