"""IMDB-WIKI: 523,051 pictures of actors and of people in Wikipedia, with imdb.mat or wiki.mat.

The age is that in the middle of the year in which the photograph was taken. The set numbers female 0 and male 1; the labels
here are the other way round, as everywhere in Moka.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from common.inputs import check_input
from common.tasks import FEMALE, MALE, OLDEST

from ..errors import DatasetError
from ..folders import files_below
from ..samples import Found, Note, Sample
from .options import ReaderOptions

_FIELDS = ("dob", "photo_taken", "full_path", "gender", "name", "face_location", "face_score", "second_face_score")
# Matlab counts days from the year 0, Python from the year 1.
_MATLAB_DAYS = 366
_JULY = 7


def read(folder: Path, options: ReaderOptions) -> Found:
    """Read imdb.mat and wiki.mat below `folder`, and the pictures whose paths they give from their own folder."""
    names = files_below(folder)
    mats = [name for name in names if name.rpartition("/")[2] in ("imdb.mat", "wiki.mat")]
    if not mats:
        raise DatasetError(
            f"{folder}: neither imdb.mat nor wiki.mat is there. Give the folder of imdb_crop or wiki_crop."
        )
    found = Found()
    notes: Counter[str] = Counter()
    there = set(names)
    for mat in mats:
        found.samples += _read_mat(folder, mat, there, options, notes)
    found.notes = [Note(text, times) for text, times in sorted(notes.items())]
    if not found.samples:
        dropped = ", ".join(f"{times} {text}" for text, times in found.notes)
        raise DatasetError(f"{folder}: none of its pictures can be used: {dropped or 'the .mat has no entries'}.")
    return found


def age_in_photo(birth_day: float, photo_year: float) -> int:
    """Return the age on 1 July of `photo_year` of someone born on a day that Matlab has numbered.

    Someone born in July or later has not yet had a birthday that year. A day before the year 1 counts as its first.
    Raises ValueError if there is no such day or year.
    """
    born = date.fromordinal(max(int(birth_day) - _MATLAB_DAYS, 1))
    return int(photo_year) - born.year - (1 if born.month >= _JULY else 0)


def _read_mat(folder: Path, mat: str, there: set[str], options: ReaderOptions, notes: Counter[str]) -> list[Sample]:
    path = folder / mat
    fields = _load(path)
    where, slash, _ = mat.rpartition("/")
    # face_location is about the whole picture, and not about the published crops.
    whole = not (folder / mat).resolve().parent.name.endswith("_crop")
    samples = []
    for index in range(len(fields["dob"])):
        entry = {name: fields[name][index] for name in _FIELDS}
        place = f"{path}, entry {index + 1}"
        labels = _labels(entry, options, notes, place)
        if labels is None:
            continue
        name = f"{where}{slash}{_text(entry['full_path'])}"
        if name not in there:
            notes["pictures that are not there"] += 1
            continue
        box = _box(entry["face_location"]) if whole else None
        samples.append(Sample(folder / name, name, labels, person=_text(entry["name"]), box=box))
    return samples


def _load(path: Path) -> dict[str, Sequence[Any]]:
    """Return the fields of the .mat, each with one entry for each picture."""
    from scipy.io import loadmat

    kind = path.stem
    try:
        content = loadmat(check_input(path), variable_names=[kind])
    except MemoryError:
        raise
    # scipy raises whatever its parts raise at a damaged file.
    except Exception as error:
        raise DatasetError(f"{path}: cannot be read as a Matlab file ({error}). Download it again.") from error
    if kind not in content:
        raise DatasetError(f"{path}: holds no variable {kind}. Expected the {path.name} of IMDB-WIKI.")
    record = content[kind]
    present = record.dtype.names or ()
    missing = [name for name in _FIELDS if name not in present]
    if missing:
        raise DatasetError(
            f"{path}: {kind} has no field {missing[0]}. Found {', '.join(present) or 'none'}; expected {', '.join(_FIELDS)}."
        )
    if record.size != 1:
        raise DatasetError(f"{path}: {kind} has {record.size} records, expected one.")
    fields = {name: record.reshape(-1)[0][name].reshape(-1) for name in _FIELDS}
    sizes = {name: len(values) for name, values in fields.items()}
    if len(set(sizes.values())) != 1:
        raise DatasetError(f"{path}: the fields of {kind} have different numbers of entries: {sizes}.")
    return fields


def _labels(entry: dict[str, Any], options: ReaderOptions, notes: Counter[str], place: str) -> dict[str, float] | None:
    """Return the labels of an entry, or None, with a note, if the rules leave it out."""
    score, second = _number(entry["face_score"], place), _number(entry["second_face_score"], place)
    # -inf says that no face was found.
    if score == -math.inf or math.isnan(score):
        return _dropped(notes, "pictures without a face")
    if score < options.min_face_score:
        return _dropped(notes, f"face scores below {options.min_face_score:g}")
    if second > options.max_second_face_score:
        return _dropped(notes, f"second faces with a score above {options.max_second_face_score:g}")
    try:
        age = age_in_photo(_number(entry["dob"], place), _number(entry["photo_taken"], place))
    except (ValueError, OverflowError):
        return _dropped(notes, "birth days that are no day")
    first, last = options.ages
    if not first <= age <= min(last, OLDEST):
        return _dropped(notes, f"ages outside {first}-{last}")
    gender = _number(entry["gender"], place)
    if math.isnan(gender):
        return {"years": age} if options.unknown_gender else _dropped(notes, "genders unknown")
    if gender not in (0, 1):
        raise DatasetError(f"{place}: the gender is {gender:g}, expected 0 (female), 1 (male) or NaN.")
    return {"years": age, "gender": MALE if gender == 1 else FEMALE}


def _dropped(notes: Counter[str], text: str) -> dict[str, float] | None:
    notes[text] += 1
    return None


def _number(value: Any, place: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{place}: found {str(value)[:60]!r} where a number was expected.") from error


def _text(value: Any) -> str:
    """Return the text of a cell, which is an array of one string, or an empty array."""
    return str(value.reshape(-1)[0]) if getattr(value, "size", 0) else ""


def _box(value: Any) -> tuple[int, int, int, int] | None:
    """Return left, top, width, height of a face_location, which is x1, y1, x2, y2 counted from 1."""
    corners = [float(each) for each in getattr(value, "reshape", lambda _: [])(-1)]
    if len(corners) != 4 or not all(map(math.isfinite, corners)):
        return None
    left, top, right, bottom = (round(each) for each in corners)
    return left - 1, top - 1, right - left + 1, bottom - top + 1
