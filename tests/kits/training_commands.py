"""The training room's command line, called inside the tests' own process: PyTorch is imported once, not for each call."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from common.commands import Room, run
from kits.training import working_folder
from training.__main__ import ROOM


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*words: object, folder: Path, draw: bool = False, room: Room = ROOM) -> Done:
    """`python -m ROOM WORDS`, called in `folder`; only with `draw` are the curves drawn, which takes its time."""
    out, err = io.StringIO(), io.StringIO()
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


def leftovers(folder: Path) -> list[str]:
    """What an ended command must never leave: temporary files, or one of a pair of snapshots."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    models, states = (
        {name.rsplit(".", 1)[0] for name in names if name.endswith(kind)} for kind in (".caffemodel", ".solverstate")
    )
    return [name for name in names if name.endswith(".part") or ".probe." in name] + sorted(models ^ states)
