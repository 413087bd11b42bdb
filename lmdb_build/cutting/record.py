"""The record of a folder of cut faces: OUT.json beside the folder OUT.

It says with which options the faces were cut, and for each picture the SHA-256 of its source and what was found in it. A
second run cuts only what has changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.errors import OutputExists
from common.files import atomic_file
from common.inputs import read_input

from ..errors import DatasetError

_LARGEST = 1 << 30


@dataclass(frozen=True)
class Cut:
    """One picture. `source` is a hash of what the cut was made from, and `cut` that of the PNG.

    `reason` says why there is no face; `cut` is "" then. `box` is left, top, width, height and `eyes` the two eyes, in
    pixels of the source. `faces` is how many were found.
    """

    source: str
    cut: str = ""
    reason: str = ""
    faces: int = 0
    score: float = 0.0
    box: tuple[float, ...] = ()
    eyes: tuple[tuple[float, float], ...] = ()


@dataclass
class Record:
    """The options, and what was done with each picture, by its name below the folder."""

    options: dict[str, object]
    pictures: dict[str, Cut] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record, in place of one that is there."""
        left_out = sum(not each.cut for each in self.pictures.values())
        pictures = {}
        for name, each in sorted(self.pictures.items()):
            pictures[name] = {key: value for key, value in asdict(each).items() if value}
        whole = {
            "options": self.options,
            "counts": {"cut": len(self.pictures) - left_out, "left out": left_out},
            "pictures": pictures,
        }
        with atomic_file(path, force=True) as temporary:
            temporary.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def _cut_from(values: dict[str, Any]) -> Cut:
    """Return an entry of a record file. Raises TypeError if it is not one."""
    cut = Cut(**values)
    for value, kind in ((cut.source, str), (cut.cut, str), (cut.reason, str), (cut.faces, int)):
        if not isinstance(value, kind):
            raise TypeError
    return cut


def read_record(path: Path, options: dict[str, object], force: bool) -> Record:
    """Return the record at `path`, or a new one if there is none or if `force` is given and the options differ.

    Raises OutputExists if the faces were cut with other options, DatasetError if the file is no such record.
    """
    if not path.exists():
        return Record(options)
    try:
        whole = json.loads(read_input(path, _LARGEST))
        found = Record(dict(whole["options"]))
        for name, each in whole["pictures"].items():
            found.pictures[name] = _cut_from(each)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: is not a record of cut faces. Move it away together with its folder, or give another --out."
        ) from error
    if found.options == options:
        return found
    if force:
        return Record(options)
    differing = sorted(name for name in {*found.options, *options} if found.options.get(name) != options.get(name))
    words = [f"{name} {found.options.get(name)}" for name in differing]
    raise OutputExists(
        f"{path.with_suffix('')}: its faces were cut with other options ({', '.join(words)}). "
        "Give --force to cut them again, or another --out."
    )
