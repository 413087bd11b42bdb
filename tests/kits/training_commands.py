"""Runs command lines: in this process, so that PyTorch is imported once, or in a process of their own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from common.commands import Room, run
from common.places import ROOT
from kits.training import working_folder
from training.__main__ import ROOM


@dataclass
class Done:
    """How a command ended: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


def command(*words: object, folder: Path, draw: bool = False, room: Room = ROOM) -> Done:
    """Run `python -m ROOM WORDS` in `folder`, inside this process. The curves are drawn only with `draw`, to save time."""
    out = io.StringIO()
    err = io.StringIO()
    code: object = None
    with contextlib.ExitStack() as stack:
        stack.enter_context(working_folder(folder))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if not draw:
            stack.enter_context(mock.patch("training.drawing.plot.plot_log"))
        try:
            run(room.main, [str(word) for word in words])
        except SystemExit as ending:
            code = ending.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def start_python(*words: object, folder: Path, new_session: bool = False, **environment: str) -> subprocess.Popen[str]:
    """Start `python WORDS` in `folder`, with this checkout's rooms on its path, and with pipes for its output."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, start_new_session=new_session,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_python(*words: object, folder: Path, **environment: str) -> Done:
    """Run `python WORDS` in `folder`, with this checkout's rooms on its path."""
    with start_python(*words, folder=folder, **environment) as process:
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def leftovers(folder: Path) -> list[str]:
    """Return what a command must not leave in `folder`: temporary files, and single files of a pair of snapshots."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    models, states = (
        {name.rsplit(".", 1)[0] for name in names if name.endswith(kind)} for kind in (".caffemodel", ".solverstate")
    )
    return [name for name in names if name.endswith(".part") or ".probe." in name] + sorted(models ^ states)
