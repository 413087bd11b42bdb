"""The training room's commands, called in this process without drawing curves; and what they must not leave behind."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from common.commands import Room
from kits.commands import Done, run_command


def command(*words: object, folder: Path, draw: bool = False, room: Room | str = "training") -> Done:
    """Call `python -m ROOM WORDS` in `folder`, inside this process. The curves are drawn only with `draw`, to save time."""
    name = room if isinstance(room, str) else room.name
    if draw:
        return run_command(name, *words, folder=folder)
    with mock.patch("training.drawing.plot.plot_log"):
        return run_command(name, *words, folder=folder)


def leftovers(folder: Path) -> list[str]:
    """Return what a command must not leave in `folder`: temporary files, and single files of a pair of snapshots."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    models, states = (
        {name.rsplit(".", 1)[0] for name in names if name.endswith(kind)} for kind in (".caffemodel", ".solverstate")
    )
    return [name for name in names if name.endswith(".part") or ".probe." in name] + sorted(models ^ states)
