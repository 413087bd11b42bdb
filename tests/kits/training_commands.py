"""The training room's command line, called inside the tests' own process: PyTorch is imported once, not for each call."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from common.commands import Room
from kits.commands import Done, run_command


def command(*words: object, folder: Path, draw: bool = False, room: Room | str = "training") -> Done:
    """Call `python -m ROOM WORDS` in `folder`; the curves, which take their time, are drawn with `draw` only."""
    name = room if isinstance(room, str) else room.name
    if draw:
        return run_command(name, *words, folder=folder)
    with mock.patch("training.drawing.plot.plot_log"):
        return run_command(name, *words, folder=folder)


def leftovers(folder: Path) -> list[str]:
    """What an ended command must never leave: temporary files, or one of a pair of snapshots."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    models, states = (
        {name.rsplit(".", 1)[0] for name in names if name.endswith(kind)} for kind in (".caffemodel", ".solverstate")
    )
    return [name for name in names if name.endswith(".part") or ".probe." in name] + sorted(models ^ states)
