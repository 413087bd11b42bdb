"""Judges how a command ended, and what it changed."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from .cases import Case, Ends
from .server import Ended

Tree = Mapping[str, str]
"""Path below a folder -> its kind and its contents."""


def tree_of(folder: Path) -> Tree:
    """Describe every file, folder, link and device below `folder`."""
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            found[str(path.relative_to(folder))] = _description(path)
    return found


def _description(path: Path) -> str:
    found = path.lstat()
    kind = stat.filemode(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return f"{kind} -> {path.readlink()}"
    if stat.S_ISREG(found.st_mode):
        # A sparse file may claim terabytes.
        if found.st_blocks * 512 < found.st_size // 2 or found.st_size > 1 << 28:
            return f"{kind} {found.st_size} {found.st_mtime_ns}"
        with path.open("rb") as file:
            return f"{kind} {hashlib.sha256(file.read()).hexdigest()}"
    return f"{kind} {found.st_rdev}"


def faults(case: Case, ended: Ended, before: Tree, after: Tree) -> list[str]:
    """Say what was wrong with the way a command ended, in a few words each."""
    if ended.killed:
        return [ended.killed]
    wrong = []
    refused, done = (
        case.ends is not Ends.DONE and ended.code in (1, 2),
        case.ends is not Ends.REFUSED and ended.code == 0,
    )
    if not refused and not done and ended.code not in case.codes:
        wrong.append(f"exit code {ended.code}")
    if ended.megabytes > case.megabytes:
        wrong.append(f"{ended.megabytes} MB")
    if ended.left_running:
        wrong.append("left a process running")
    wrong += _wrong_words(ended, refused)
    wrong += _wrong_files(case, before, after, may_add=not refused)
    return wrong


def _wrong_words(ended: Ended, refused: bool) -> list[str]:
    words = ended.out + ended.err
    messages = re.findall(r"^error: .*", ended.err, re.MULTILINE)
    wrong = []
    if "Traceback (most recent call last)" in words:
        wrong.append("a traceback")
    if "a fault in Moka" in words:
        wrong.append("a fault in Moka")
    if refused and len(messages) != 1:
        wrong.append(f"{len(messages)} messages")
    if not refused and ended.code == 0 and messages:
        wrong.append("exit code 0 with an error")
    wrong += [f"names {found[0]}" for text in messages if (found := re.search(r"\b[A-Z]\w+Error\b|\[Errno", text))]
    return wrong


def _wrong_files(case: Case, before: Tree, after: Tree, may_add: bool) -> list[str]:
    changed = [path for path in before if after.get(path) != before[path]]
    new = [] if may_add else [path for path in after if path not in before]
    return [
        f"{'new' if path in new else 'changed'}: {path}"
        for path in (*sorted(changed), *sorted(new))
        if not any(fnmatch.fnmatch(path, pattern) for pattern in case.may_change)
    ]
