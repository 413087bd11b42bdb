"""FG-NET: 1,002 pictures of 82 people at several ages. The names hold person and age; `points/` has 68 landmarks of each."""

from __future__ import annotations

import re
from pathlib import Path

from common.tasks import OLDEST

from ..folders import files_below
from ..samples import Found, LeftOut, Sample
from .options import ReaderOptions

_NAME = re.compile(r"(?P<person>[0-9]{3})A(?P<age>[0-9]{2,3})(?P<letter>[a-z]?)\.(jpe?g|png)", re.IGNORECASE)
# The landmarks are read by faces/, which names their folder on its own.
_POINTS = ".pts"


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read names such as 001A02.JPG or 067A05b.JPG: person 001 at 2 years, a second picture of person 067 at 5."""
    found = Found()
    for name in files_below(folder):
        if name.lower().endswith(_POINTS):
            continue
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if not match:
            found.left_out.append(LeftOut(name, "not a name of FG-NET, such as 001A02.JPG or 067A05b.JPG"))
        elif int(match["age"]) > OLDEST:
            found.left_out.append(LeftOut(name, f"age is {match['age']}, expected 0-{OLDEST}"))
        else:
            labels = {"years": float(match["age"])}
            found.samples.append(Sample(folder / name, name, labels, person=match["person"]))
    return found
