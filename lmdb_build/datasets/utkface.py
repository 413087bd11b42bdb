"""UTKFace: faces whose names hold age, gender and ethnicity."""

from __future__ import annotations

import re
from pathlib import Path

from common.tasks import OLDEST

from ..folders import files_below
from ..samples import Found, LeftOut, Note, Sample
from .options import ReaderOptions

_PICTURE_NAME = re.compile(r"(?P<fields>.+?)\s*(\.?jpe?g)?(\.chip)?\.(jpe?g|png)", re.IGNORECASE)
# A published name lacks the dot: 55_0_0_20170116232725357jpg.chip.jpg.
_NO_DOT = re.compile(r"[0-9]jpe?g\.", re.IGNORECASE)
# Name of the field, what it may be, and the same in words.
_FIELDS = (
    ("age", re.compile(r"[0-9]{1,3}"), f"0-{OLDEST}"),
    ("gender", re.compile(r"[01]"), "0 (male) or 1 (female)"),
    ("race", re.compile(r"[0-4]"), "0-4"),
    ("date", re.compile(r"[0-9]+"), "digits"),
)


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read names such as age_gender_race_datetime.jpg, or age_gender_race_datetime.jpg.chip.jpg of the aligned crops."""
    found = Found()
    for name in files_below(folder):
        try:
            age, gender = labels(name)
        except ValueError as error:
            found.left_out.append(LeftOut(name, str(error)))
        else:
            found.samples.append(Sample(folder / name, name, {"years": age, "gender": gender}))
    repaired = sum(_NO_DOT.search(sample.name) is not None for sample in found.samples)
    if repaired:
        found.notes.append(Note("names without a dot before jpg, read as if it were there", repaired))
    return found


def labels(name: str) -> tuple[int, int]:
    """Return age in years and gender (0 male, 1 female) from a path or name. Raises ValueError with the reason."""
    match = _PICTURE_NAME.fullmatch(name.rpartition("/")[2])
    if not match:
        raise ValueError("not the name of a .jpg or .png picture")
    fields = match["fields"].split("_")
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{len(fields)} fields, expected age_gender_race_datetime")
    for (what, pattern, expected), text in zip(_FIELDS, fields, strict=True):
        if not pattern.fullmatch(text) or (what == "age" and int(text) > OLDEST):
            raise ValueError(f"{what} is {text!r}, expected {expected}")
    return int(fields[0]), int(fields[1])
