"""GENKI-4K (The MPLab GENKI-4K Dataset, http://mplab.ucsd.edu): 4,000 faces, smiling or not.

`labels.txt` has a line for each picture: smile (1 or 0), then yaw, pitch and roll. Line N belongs to the picture with
number N in its name. It is found by that number, so a picture that is missing does not shift the labels of the others.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import DatasetError
from ..folders import files_below
from ..samples import Found, LeftOut, Note, Sample
from .options import ReaderOptions
from .text import find_one, read_lines

_NAME = re.compile(r"file([0-9]{4})\.(jpe?g|png)", re.IGNORECASE)
_LABELS = "labels.txt"


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read labels.txt and the pictures file0001.jpg to file4000.jpg, wherever they lie below `folder`."""
    names = files_below(folder)
    labels_name = find_one(folder, names, _LABELS, "GENKI-4K")
    smiles = [_smile(line, f"{folder / labels_name}, line {number}") for number, line in _lines(folder / labels_name)]
    found = Found()
    numbers: set[int] = set()
    for name in names:
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if name == labels_name or name.rpartition("/")[2] == "README":
            continue
        if not match:
            found.left_out.append(LeftOut(name, "not a name of GENKI-4K, such as file0001.jpg"))
        elif not 1 <= int(match[1]) <= len(smiles):
            found.left_out.append(LeftOut(name, f"{_LABELS} has no line {int(match[1])}; it has {len(smiles)}"))
        elif int(match[1]) in numbers:
            found.left_out.append(LeftOut(name, f"a second picture with number {int(match[1])}"))
        else:
            numbers.add(int(match[1]))
            found.samples.append(Sample(folder / name, name, {"smile": smiles[int(match[1]) - 1]}))
    if len(smiles) > len(numbers):
        found.notes.append(Note(f"lines of {_LABELS} whose picture is not there", len(smiles) - len(numbers)))
    return found


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the numbers and texts of all lines. Raises DatasetError for an empty one in between: it would shift the labels."""
    lines = list(read_lines(path))
    for expected, (number, _) in enumerate(lines, start=1):
        if number != expected:
            raise DatasetError(
                f"{path}, line {expected}: is empty. Expected smile (0 or 1), yaw, pitch and roll of the picture with that "
                "number."
            )
    return lines


def _smile(line: str, where: str) -> float:
    fields = line.split()
    if len(fields) != 4 or fields[0] not in ("0", "1"):
        raise DatasetError(f"{where}: found {line[:80]!r}. Expected smile (0 or 1), yaw, pitch and roll.")
    return float(fields[0])
