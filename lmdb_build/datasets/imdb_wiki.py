"""IMDB-WIKI: 523,051 pictures of actors and of people in Wikipedia, with imdb.mat or wiki.mat.

The age is that in the middle of the year in which the photograph was taken. The set numbers female 0 and male 1; the labels
here are the other way round, as everywhere in Moka.
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
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
from . import mat_worker
from .options import ReaderOptions

_FIELDS = (*mat_worker.NUMBERS, *mat_worker.TEXTS, mat_worker.BOXES)
# A made-up imdb.mat of 460,723 entries took 24 s on a busy machine.
_MOST_SECONDS = 600
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
    seen: set[str] = set()
    for index in range(len(fields["dob"])):
        entry = {name: fields[name][index] for name in _FIELDS}
        place = f"{path}, entry {index + 1}"
        labels = _labels(entry, options, notes, place)
        if labels is None:
            continue
        name = f"{where}{slash}{entry['full_path']}"
        if name not in there:
            notes["pictures that are not there"] += 1
            continue
        if name in seen:
            notes["entries that name a picture again"] += 1
            continue
        seen.add(name)
        box = _box(entry["face_location"]) if whole else None
        samples.append(Sample(folder / name, name, labels, person=entry["name"], box=box))
    return samples


def _load(path: Path) -> dict[str, Sequence[Any]]:
    """Return the fields of the .mat, each with one entry for each picture."""
    import numpy as np

    try:
        command = [sys.executable, "-I", mat_worker.__file__, str(check_input(path).resolve()), path.stem]
        run = subprocess.run(command, capture_output=True, timeout=_MOST_SECONDS, check=False)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    except subprocess.TimeoutExpired as error:
        raise DatasetError(f"{path}: could not be read in {_MOST_SECONDS} seconds. Download it again.") from error
    last = (
        run.stderr.decode("utf-8", "replace").strip().splitlines() or [f"scipy's reader ended with {run.returncode}"]
    )[-1]
    if run.returncode == mat_worker.REFUSED:
        raise DatasetError(f"{path}: {last}.")
    if run.returncode != 0:
        raise DatasetError(f"{path}: cannot be read as a Matlab file ({last}). Download it again.")
    with np.load(io.BytesIO(run.stdout), allow_pickle=False) as arrays:
        fields: dict[str, Sequence[Any]] = {name: arrays[name].tolist() for name in mat_worker.NUMBERS}
        for name in mat_worker.TEXTS:
            fields[name] = arrays[name].tobytes().decode("utf-8", "surrogatepass").split("\0")
        fields[mat_worker.BOXES] = arrays[mat_worker.BOXES].tolist()
    return fields


def _labels(entry: dict[str, Any], options: ReaderOptions, notes: Counter[str], place: str) -> dict[str, float] | None:
    """Return the labels of an entry, or None, with a note, if the rules leave it out."""
    score, second = entry["face_score"], entry["second_face_score"]
    # -inf says that no face was found.
    if score == -math.inf or math.isnan(score):
        return _dropped(notes, "pictures without a face")
    if score < options.min_face_score:
        return _dropped(notes, f"face scores below {options.min_face_score:g}")
    if second > options.max_second_face_score:
        return _dropped(notes, f"second faces with a score above {options.max_second_face_score:g}")
    try:
        age = age_in_photo(entry["dob"], entry["photo_taken"])
    except (ValueError, OverflowError):
        return _dropped(notes, "birth days that are no day")
    first, last = options.ages
    if not first <= age <= min(last, OLDEST):
        return _dropped(notes, f"ages outside {first}-{last}")
    gender = entry["gender"]
    if math.isnan(gender):
        return {"years": age} if options.unknown_gender else _dropped(notes, "genders unknown")
    if gender not in (0, 1):
        raise DatasetError(f"{place}: the gender is {gender:g}, expected 0 (female), 1 (male) or NaN.")
    return {"years": age, "gender": MALE if gender == 1 else FEMALE}


def _dropped(notes: Counter[str], text: str) -> dict[str, float] | None:
    notes[text] += 1
    return None


def _box(corners: Sequence[float]) -> tuple[int, int, int, int] | None:
    """Return left, top, width, height of a face_location, which is x1, y1, x2, y2 counted from 1."""
    if not all(map(math.isfinite, corners)):
        return None
    left, top, right, bottom = (round(each) for each in corners)
    return left - 1, top - 1, right - left + 1, bottom - top + 1
