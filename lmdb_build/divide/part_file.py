"""A division that somebody published: a CSV file with the columns `file` (or `picture`) and `part` (or `fold`).

    file,age,part
    21_0_0_20170102233225196.jpg.chip.jpg,21,train

A file goes by its name, with as much of its folders as the line gives. Parts are train, val (or valid) and test; folds are
whole numbers.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.commands import LOGGER

from ..datasets.text import read_text
from ..errors import DatasetError
from ..samples import Note, Sample

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def apply_part_file(samples: Sequence[Sample], path: Path) -> tuple[list[Sample], list[Note]]:
    """Return the samples that the file names, with its part or fold as theirs, and notes about the others."""
    parts = _read(path)
    named: list[Sample] = []
    used: set[str] = set()
    for sample in samples:
        steps = sample.name.split("/")
        key = next((tail for tail in ("/".join(steps[start:]) for start in range(len(steps))) if tail in parts), None)
        if key is not None:
            used.add(key)
            named.append(replace(sample, fold=parts[key]))
    if not named:
        raise DatasetError(
            f"{path}: none of its {len(parts)} names is a picture of this set. The first is {next(iter(parts))}; a picture of "
            f"the set is {samples[0].name}. Expected a division of the same set."
        )
    _warn_about_persons(named, path)
    notes = [
        Note(f"pictures that {path.name} does not name, in no part", len(samples) - len(named)),
        Note(f"lines of {path.name} whose picture is not there", len(parts) - len(used)),
    ]
    return named, [note for note in notes if note.times]


def _warn_about_persons(samples: Sequence[Sample], path: Path) -> None:
    """Warn if the file puts one person into two parts: whoever published it may have meant that, so it is no error."""
    first: dict[str, Sample] = {}
    both = [
        sample for sample in samples if sample.person and first.setdefault(sample.person, sample).fold != sample.fold
    ]
    if both:
        one, other = first[both[0].person], both[0]
        logging.getLogger(LOGGER).warning(
            "%s: person %s is in %s (%s) and in %s (%s); so it is with %d persons. Figures on people seen in training are too "
            "good. Expected each person in one part, as --divide person makes it.",
            *(path, one.person, one.fold, one.name, other.fold, other.name, len({sample.person for sample in both})),
        )


def _read(path: Path) -> dict[str, str]:
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    parts: dict[str, str] = {}
    try:
        columns = lines.fieldnames or ()
        file = next((name for name in ("file", "picture") if name in columns), None)
        part = next((name for name in ("part", "fold") if name in columns), None)
        if file is None or part is None:
            raise DatasetError(
                f"{path}, line 1: found {','.join(columns)[:200]!r}. Expected the columns file and part (or fold)."
            )
        for row in lines:
            where = f"{path}, line {lines.line_num}"
            if None in row or None in row.values() or not row[file]:
                raise DatasetError(f"{where}: has another number of cells than the first line, or names no file.")
            value = PARTS.get(row[part], row[part])
            if value not in PARTS.values() and not (value.isdecimal() and value.isascii()):
                raise DatasetError(
                    f"{where}: {part} is {value[:40]!r}, expected train, val, test or the number of a fold."
                )
            if parts.setdefault(row[file], value) != value:
                raise DatasetError(
                    f"{where}: {row[file]} is in {value} and, by an earlier line, in {parts[row[file]]}."
                )
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: is not CSV ({error}).") from error
    if not parts:
        raise DatasetError(f"{path}: names no pictures.")
    return parts
