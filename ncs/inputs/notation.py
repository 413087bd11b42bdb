"""Reads option values in the notation of OpenVINO's Model Optimizer: data[104,117,123],info[1] and [1,3,227,227]."""

from __future__ import annotations

import math
import re

from common.errors import UsageError

_GROUP = re.compile(r"\s*(?P<name>[^\s,\[\]()]*)\s*[\[(](?P<numbers>[^\[\]()]*)[\])]\s*(?:,|$)")


def parse_values(option: str, text: str) -> list[tuple[str, list[float]]]:
    """Return each list of numbers in `text` with the name of its input, which is "" if none is named.

    Raises UsageError for anything else, and if only some have a name.
    """
    groups = [(name, [_number(option, text, word) for word in words]) for name, words in _groups(option, text)]
    names = [name for name, _ in groups]
    if len(groups) > 1 and "" in names and any(names):
        raise UsageError(f"{option} {text}: only some lists have a name. Name all inputs or none.")
    if len(set(filter(None, names))) < len([name for name in names if name]):
        raise UsageError(f"{option} {text}: names an input twice.")
    return groups


def parse_shapes(option: str, text: str) -> list[tuple[int, ...]]:
    """Return the shapes in `text`. Raises UsageError unless each is a list of sizes of at least 1, without a name."""
    shapes = []
    for name, words in _groups(option, text):
        if name or not all(word.isdecimal() and len(word) < 10 and int(word) >= 1 for word in words):
            raise UsageError(
                f"{option} {text}: expected sizes of 1 or more for each input, such as [1,3,227,227] or [1,3,227,227],[1,3]."
            )
        shapes.append(tuple(map(int, words)))
    return shapes


def _groups(option: str, text: str) -> list[tuple[str, list[str]]]:
    # A single list may do without brackets.
    rest = text.strip() if re.search(r"[\[(]", text) else f"[{text.strip()}]"
    groups = []
    while rest:
        found = _GROUP.match(rest)
        words = [word.strip() for word in found["numbers"].split(",")] if found else []
        if found is None or not all(words):
            raise UsageError(
                f"{option} {text}: expected numbers in brackets, such as [104,117,123] or data[104,117,123],info[1]. "
                "Put the value into quotes if your shell reads brackets itself."
            )
        groups.append((found["name"], words))
        rest = rest[found.end() :]
    if not groups:
        raise UsageError(f"{option}: is empty.")
    return groups


def _number(option: str, text: str, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f'{option} {text}: "{word}" is no number.')
    return number
