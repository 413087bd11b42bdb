"""The readers on the real data sets, with counts that were taken by other means (tar, cut, sort, uniq)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from kits.data_sets import names_only, real_data
from lmdb_build.datasets import ReaderOptions, read_dataset
from lmdb_build.datasets.adience import read_faces
from lmdb_build.divide.part_file import apply_part_file
from lmdb_build.samples import Found

Read = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a data set by the names of its pictures: writing thousands of files would take long."""

    def read(kind: str, names: list[str], **options: object) -> Found:
        monkeypatch.setattr(f"lmdb_build.datasets.{kind}.files_below", lambda folder: sorted(names))
        return read_dataset(kind, tmp_path, ReaderOptions(**options))  # type: ignore[arg-type]

    return read


def test_fgnet(read: Read, tmp_path: Path) -> None:
    found = read("fgnet", names_only("FGNET.tar", tmp_path))
    assert (len(found.samples), len({one.person for one in found.samples}), found.left_out) == (1002, 82, [])
    assert (min(ages := [one.labels["years"] for one in found.samples]), max(ages)) == (0, 69)


def test_genki4k(read: Read, tmp_path: Path) -> None:
    found = read("genki4k", names_only("GENKI4K.tar", tmp_path))
    assert Counter(one.labels["smile"] for one in found.samples) == {1: 2162, 0: 1838}
    assert (found.left_out, found.notes) == ([], [])


def test_utkface(read: Read, tmp_path: Path) -> None:
    names = [*names_only("UTKFace_others.tar", tmp_path), *names_only("UTKFace_AsianOnly.tar.gz", tmp_path)]
    found = read("utkface", names)
    assert len(names) == 14450 + 3434
    assert [reason for _, reason in found.left_out] == ["3 fields, expected age_gender_race_datetime"] * 3
    assert [note.times for note in found.notes] == [1]
    named, notes = apply_part_file(found.samples, real_data("coral_split.csv"))
    assert Counter(one.fold for one in named) == {"train": 13147 - 1, "test": 427}  # one has a field missing
    assert all(21 <= one.labels["years"] <= 60 for one in named)
    assert notes[0].times == len(found.samples) - 13146 - 427


def test_adience(read: Read, tmp_path: Path) -> None:
    names = names_only("Adience_sample.tar", tmp_path)
    faces = list(read_faces(tmp_path, names))
    assert Counter(face.fold for face in faces) == {"0": 4496, "1": 3745, "2": 3953, "3": 3459, "4": 3834}
    found = read("adience", names, prefix="coarse_tilt_aligned_face")
    assert len(found.samples) + sum("neither" in reason for _, reason in found.left_out) == 200
    assert {one.fold for one in found.samples} == {"0"}
    notes = dict(found.notes)
    assert notes["ages (25, 23) read as (25, 32)"] == 72
    assert notes["lines that repeat another"] == 117
    assert notes["lines whose picture is not there"] == 19487 - 117 - 200

    names += [f"whole/{face.user}/landmark_aligned_face.{face.face}.{face.image}" for face in faces]
    whole = read("adience", names)
    counted = Counter(one.labels.get("adience_age") for one in whole.samples)
    # The counts of the fold files without the 117 repeated lines; (25, 23) adds 72 to the class of 25 to 32.
    assert [counted[number] for number in range(8)] == [2488, 2140, 2124, 1642, 4932 + 72, 2293, 830, 872]
    assert Counter(one.labels["gender"] for one in whole.samples if "gender" in one.labels) == {0: 8124, 1: 9368}
    rescued = read("adience", names, nearest_range=True)
    gained = sum("adience_age" in one.labels for one in rescued.samples) - sum(counted[number] for number in range(8))
    assert gained == 1229
