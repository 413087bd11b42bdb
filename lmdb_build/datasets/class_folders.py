"""A folder for each class, as DIGITS and torchvision take it: cats/1.jpg, dogs/2.jpg. The classes are numbered by name."""

from __future__ import annotations

from pathlib import Path

from common.tasks import Task

from ..errors import DatasetError
from ..folders import files_below
from ..samples import Found, LeftOut, Sample
from .options import ReaderOptions

TASK = "class"


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read the files in the folders of `folder`, at any depth. The first folder of a path is the class."""
    found = Found()
    files = []
    for name in files_below(folder):
        if "/" in name:
            files.append(name)
        else:
            found.left_out.append(LeftOut(name, "lies in no folder of a class"))
    classes = tuple(sorted({name.partition("/")[0] for name in files}))
    if len(classes) < 2:
        raise DatasetError(
            f"{folder}: holds pictures in {len(classes)} folders ({', '.join(classes) or 'none'}). Expected a folder for each "
            "of at least two classes."
        )
    found.tasks[TASK] = Task(TASK, classes)
    for name in files:
        labels = {TASK: float(classes.index(name.partition("/")[0]))}
        found.samples.append(Sample(folder / name, name, labels))
    return found
