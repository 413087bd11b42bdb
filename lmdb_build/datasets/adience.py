"""Adience: 26,580 pictures of 2,284 people, labelled with gender and one of eight age ranges, in five folds.

`fold_0_data.txt` to `fold_4_data.txt` have a line for each face, with tabs between the columns. Its picture is
`USER/PREFIX.FACE.IMAGE`, and FACE is the person: 2,284 of them. The published faults of these files:

- (25, 23) is meant to be (25, 32), and is read so.
- Some ages are single numbers, and some ranges are none of the eight. They are absent, or moved to the nearest class.
- Some lines are repeated. The first counts.

Age and gender are independent: a face with one of them unknown keeps the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from common.tasks import ADIENCE_RANGES, FEMALE, MALE

from ..errors import DatasetError
from ..folders import files_below
from ..samples import Found, LeftOut, Note, Sample
from .options import ReaderOptions
from .text import read_lines

_FOLD_FILE = re.compile(r"fold_([0-9])_data\.txt")
_COLUMNS = (
    *("user_id", "original_image", "face_id", "age", "gender"),
    *("x", "y", "dx", "dy", "tilt_ang", "fiducial_yaw_angle", "fiducial_score"),
)
_GENDERS: dict[str, int | None] = {"m": MALE, "f": FEMALE, "u": None, "": None}
_REPAIRS = {"(25, 23)": "(25, 32)"}
_CLASSES = {f"({first}, {last})": number for number, (first, last) in enumerate(ADIENCE_RANGES)}
_RANGE = re.compile(r"\(([0-9]{1,3}), ([0-9]{1,3})\)|([0-9]{1,3})")


class Face(NamedTuple):
    """A line of a fold file."""

    fold: str
    user: str
    image: str
    face: str
    age: str
    gender: str
    where: str


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read the fold files and the pictures, wherever they lie below `folder`."""
    names = files_below(folder)
    pictures = {"/".join(name.split("/")[-2:]): name for name in names}
    found = Found()
    notes: Counter[str] = Counter()
    seen: dict[tuple[str, str, str], Face] = {}
    used: set[str] = set()
    for face in read_faces(folder, names):
        other = seen.setdefault((face.user, face.face, face.image), face)
        if other is not face:
            same = (other.age, other.gender) == (face.age, face.gender)
            notes["lines that repeat another" if same else "lines that repeat another with other labels"] += 1
            continue
        labels = _labels(face, options.nearest_range, notes)
        name = pictures.get(f"{face.user}/{options.prefix}.{face.face}.{face.image}")
        if name is None:
            notes["lines whose picture is not there"] += 1
            continue
        used.add(name)
        if labels:
            found.samples.append(Sample(folder / name, name, labels, person=face.face, fold=face.fold))
        else:
            found.left_out.append(LeftOut(name, "neither its age nor its gender is known"))
    if not used:
        raise DatasetError(_no_picture(folder, names, options.prefix))
    for name in names:
        if name not in used and not _FOLD_FILE.fullmatch(name.rpartition("/")[2]):
            found.left_out.append(LeftOut(name, f"no line of a fold file names it with the prefix {options.prefix}"))
    found.notes = [Note(text, times) for text, times in sorted(notes.items())]
    return found


def read_faces(folder: Path, names: Sequence[str]) -> Iterator[Face]:
    """Yield the lines of the fold files among `names`, in their order. Raises DatasetError for a line that is wrong."""
    files = [name for name in names if _FOLD_FILE.fullmatch(name.rpartition("/")[2])]
    if len({name.rpartition("/")[2] for name in files}) != len(files) or not files:
        raise DatasetError(
            f"{folder}: found {len(files)} fold files of Adience{': ' if files else ''}{', '.join(files[:6])}. Expected one "
            "each of fold_0_data.txt to fold_4_data.txt."
        )
    for file in files:
        fold = file[-len("0_data.txt")]
        lines = read_lines(folder / file)
        _, header = next(lines, (1, ""))
        if tuple(header.split("\t")) != _COLUMNS:
            raise DatasetError(
                f"{folder / file}, line 1: found {header[:120]!r}. Expected the columns of Adience: {' '.join(_COLUMNS)}, "
                "with tabs between them."
            )
        for number, line in lines:
            cells = line.split("\t")
            where = f"{folder / file}, line {number}"
            if len(cells) != len(_COLUMNS):
                raise DatasetError(f"{where}: has {len(cells)} columns, expected {len(_COLUMNS)}.")
            user, image, person, age, gender = cells[:5]
            yield Face(fold, user, image, person, age, gender, where)


def age_class(text: str, nearest: bool) -> int | None:
    """Return the class of an age as the fold files write it, such as "(25, 32)"; None if it is none of the eight.

    With `nearest` it is the class nearest to a single age or to the middle of a range, and the younger of two.
    """
    exact = _CLASSES.get(_REPAIRS.get(text, text))
    match = _RANGE.fullmatch(text)
    if exact is not None or not nearest or not match:
        return exact
    first, last = (int(match[3]), int(match[3])) if match[3] else (int(match[1]), int(match[2]))
    middle = (first + last) / 2
    distances = [max(low - middle, middle - high, 0) for low, high in ADIENCE_RANGES]
    return distances.index(min(distances))


def _labels(face: Face, nearest: bool, notes: Counter[str]) -> dict[str, float]:
    labels: dict[str, float] = {}
    age = age_class(face.age, nearest)
    if face.age in _REPAIRS:
        notes[f"ages {face.age} read as {_REPAIRS[face.age]}"] += 1
    elif age is not None and face.age not in _CLASSES:
        notes["single ages and odd ranges moved to the nearest class"] += 1
    elif age is None and face.age == "None":
        notes["ages None"] += 1
    elif age is None and not _RANGE.fullmatch(face.age):
        raise DatasetError(
            f"{face.where}: the age is {face.age[:40]!r}. Expected a range such as (25, 32), an age, or None."
        )
    elif age is None:
        notes["single ages and odd ranges dropped"] += 1
    if age is not None:
        labels["adience_age"] = age
    if face.gender not in _GENDERS:
        raise DatasetError(f"{face.where}: the gender is {face.gender[:40]!r}. Expected m, f, u or nothing.")
    gender = _GENDERS[face.gender]
    if gender is None:
        notes["genders unknown"] += 1
    else:
        labels["gender"] = gender
    return labels


def _no_picture(folder: Path, names: Sequence[str], prefix: str) -> str:
    prefixes = Counter(name.rpartition("/")[2].partition(".")[0] for name in names if name.count(".") > 1)
    most = prefixes.most_common(1)
    hint = f"Most names begin with {most[0][0]}: give --prefix {most[0][0]}." if most and most[0][0] != prefix else ""
    return f"{folder}: the fold files name no picture {prefix}.FACE.IMAGE that is there. {hint}".strip()
