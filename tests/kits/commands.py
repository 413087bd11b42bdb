"""The rooms' commands: called in the tests' own process, which is quick, or as a user calls them, as a process.

conftest.py offers both as fixtures that work in the test's temporary folder.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.commands import Room, run
from common.places import ROOT


@dataclass
class Done:
    """How a command ended: its exit code, and what it printed on stdout and on stderr."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make `folder` the current folder for a while (contextlib.chdir came with Python 3.11)."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_command(room: str, *words: object, folder: Path) -> Done:
    """Call `python -m ROOM WORDS` in `folder`, inside this process, where its libraries have been loaded already."""
    called: Room = importlib.import_module(f"{room}.__main__").ROOM
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with inside(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run(called.main, [str(word) for word in words], called.group)
        except SystemExit as ending:
            code = ending.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds the rooms from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def start_process(
    *words: object, folder: Path, variables: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start `python WORDS` in `folder`, with pipes for its output. `options` are those of subprocess.Popen."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=environment(**(variables or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


def run_process(
    *words: object, folder: Path, variables: dict[str, str] | None = None, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` in `folder`. `options` are those of subprocess.run, `variables` go into the environment."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=environment(**(variables or {})),
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
        **options,
    )


def python_first(folder: Path) -> dict[str, str]:
    """An environment for commands in which the Python of the tests comes first on PATH, as python3 in a new folder.

    It has the packages, so nothing is made. No PYTHONPATH is set.
    """
    tools = folder / "path"
    tools.mkdir()
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python3").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PATH": f"{tools}:{os.environ['PATH']}"}
