"""Divisions: by picture, person, folds and a file; what each promises."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from common.errors import UsageError
from common.tasks import TASKS
from lmdb_build.divide.division import Division, divide
from lmdb_build.divide.folds import stratified_folds
from lmdb_build.errors import DatasetError
from lmdb_build.samples import Sample

SMILE = TASKS["smile"]


def samples(count: int, persons: int = 0, smiling: float = 0.5) -> list[Sample]:
    draw = random.Random(5)
    return [
        Sample(
            Path(f"{number}.jpg"),
            f"{number:05d}.jpg",
            {"smile": float(draw.random() < smiling)},
            person=f"p{draw.randrange(persons)}" if persons else "",
            digest=str(number),
        )
        for number in range(count)
    ]


def names(parts: dict[str, list[Sample]]) -> dict[str, list[str]]:
    return {part: [one.name for one in members] for part, members in parts.items()}


def run(everyone: Sequence[Sample], **options: object) -> dict[str, list[Sample]]:
    division = Division(**options)  # type: ignore[arg-type]
    division.check()
    return divide(everyone, division, SMILE)[0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"val": 0.25},
        {"how": "person"},
        {"how": "person", "val": 0.25},
        {"folds": "5", "fold": 4},
        {"how": "person", "folds": "5", "fold": 0, "val": 0.2},
        {"how": "person", "folds": "persons", "fold": 3},
    ],
)
def test_every_picture_is_in_one_part_whatever_the_order(options: dict[str, object]) -> None:
    everyone = samples(400, persons=30)
    parts = run(everyone, **options)
    assert list(parts) == (["train", "val", "test"] if "val" in options else ["train", "test"])
    assert Counter(one.name for members in parts.values() for one in members) == Counter(one.name for one in everyone)
    other = list(everyone)
    random.Random(1).shuffle(other)
    assert names(run(other, **options)) == names(parts)
    if options.get("how") == "person":
        found = [{one.person for one in members} for members in parts.values()]
        assert sum(map(len, found)) == len(set.union(*found))


def test_the_draw_of_folds_never_changes() -> None:
    # Written down once: a change here would silently give every user other folds.
    folds = stratified_folds(samples(12), 3, 230, SMILE)
    assert [[int(one.name[:5]) for one in fold] for fold in folds] == [[1, 11, 10, 3], [7, 5, 9, 8], [4, 0, 6, 2]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("persons", [0, 82])
def test_folds_have_equal_shares_as_scikit_learns(persons: int, seed: int) -> None:
    everyone = samples(1000, persons, smiling=0.3)
    folds = stratified_folds(everyone, 5, seed, SMILE, by_person=bool(persons))
    labels = np.array([int(one.labels["smile"]) for one in everyone])
    groups = np.array([one.person or one.name for one in everyone])

    def worst(counts: Sequence[Sequence[int]]) -> int:
        return max(max(column) - min(column) for column in zip(*counts, strict=True))

    ours = [[sum(one.labels["smile"] == smile for one in fold) for smile in (0, 1)] for fold in folds]
    splits = StratifiedGroupKFold(5).split(labels, labels, groups)
    theirs = [[int((labels[test] == smile).sum()) for smile in (0, 1)] for _, test in splits]
    assert worst(ours) <= max(worst(theirs), 1) + (12 if persons else 0)
    assert worst(ours) <= (15 if persons else 1)


def test_folds_keep_pictures_with_the_same_contents_together() -> None:
    twins = [replace(one, digest=str(int(one.digest) // 2)) for one in samples(100)]
    folds = stratified_folds(twins, 5, 1, SMILE)
    assert all(len({one.digest for one in fold}) * 2 == len(fold) for fold in folds)


def test_persons_who_share_a_picture_stay_together() -> None:
    everyone = [
        Sample(Path(name), name, {"smile": 0}, person=person, digest=digest)
        for name, person, digest in [
            ("1", "ann", "x"),
            ("2", "ann", "y"),
            ("3", "bob", "y"),
            ("4", "eve", "z"),
            ("5", "", "w"),
        ]
    ]
    for seed in range(10):
        parts = run(everyone, how="person", split=0.6, seed=seed)
        assert len([part for part in parts.values() if {"1", "2", "3"} & {one.name for one in part}]) == 1


def test_leave_one_person_out() -> None:
    everyone = samples(100, persons=7)
    tested = [run(everyone, how="person", folds="persons", fold=number)["test"] for number in range(7)]
    assert [{one.person for one in part} for part in tested] == [{f"p{number}"} for number in range(7)]
    with pytest.raises(UsageError, match=r"there is no fold 7\. Expected one of 0 to 6"):
        run(everyone, how="person", folds="persons", fold=7)
    with pytest.raises(DatasetError, match="nobody says who is on"):
        run([*everyone, *samples(1)], how="person", folds="persons", fold=0)


def test_own_folds_and_own_parts() -> None:
    everyone = samples(60, persons=20)
    folds = [replace(one, fold=str(number % 3)) for number, one in enumerate(everyone)]
    parts = run(folds, how="own", fold=1, val=0.2)
    assert {one.fold for one in parts["test"]} == {"1"}
    assert not {one.person for one in parts["train"]} & {one.person for one in parts["val"]}
    named = [replace(one, fold=("train", "valid", "test")[number % 3]) for number, one in enumerate(everyone)]
    assert {part: len(members) for part, members in run(named, how="own").items()} == {
        "train": 20,
        "val": 20,
        "test": 20,
    }
    with pytest.raises(UsageError, match=r"--fold: none was given\. Expected one of 0 to 2"):
        run(folds, how="own")
    with pytest.raises(UsageError, match="has the parts train, val, test, not folds"):
        run(named, how="own", fold=1)
    with pytest.raises(UsageError, match="has a validation part of its own"):
        run(named, how="own", val=0.1)
    with pytest.raises(UsageError, match="has no folds or parts of its own"):
        run(everyone, how="own")
    with pytest.raises(DatasetError, match="pictures that are there are in this fold"):
        run([replace(one, fold="0") for one in everyone], how="own", fold=0)
    with pytest.raises(DatasetError, match="no picture of the part test"):
        run([replace(one, fold="train") for one in everyone], how="own")


def test_a_published_division(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("file,age,part\n00000.jpg,3,train\n00001.jpg,3,test\nx/00002.jpg,4,valid\n00009.jpg,4,train\n")
    everyone = [*samples(2), replace(samples(3)[2], name="y/x/00002.jpg"), replace(samples(4)[3], name="00003.jpg")]
    parts, notes = divide(everyone, Division(str(path)), SMILE)
    assert names(parts) == {"train": ["00000.jpg"], "val": ["y/x/00002.jpg"], "test": ["00001.jpg"]}
    assert [(note.text, note.times) for note in notes] == [
        ("pictures that split.csv does not name, in no part", 1),
        ("lines of split.csv whose picture is not there", 1),
    ]
    path.write_text("picture,fold\n00000.jpg,0\n00001.jpg,1\n")
    assert names(divide(everyone, Division(str(path), fold=1), SMILE)[0])["test"] == ["00001.jpg"]


def test_a_file_that_puts_a_person_into_two_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "split.csv"
    path.write_text("file,part\n00000.jpg,train\n00001.jpg,test\n00002.jpg,test\n")
    everyone = [replace(one, person="ann" if one.name != "00002.jpg" else "bob") for one in samples(3)]
    run(everyone, how=str(path))
    assert (
        "split.csv: person ann is in train (00000.jpg) and in test (00001.jpg); so it is with 1 persons" in caplog.text
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,part\na,train\n", "line 1: found 'name,part'. Expected the columns file and part"),
        ("file,part\n00000.jpg\n", "line 2: has another number of cells"),
        ("file,part\n00000.jpg,train,x\n", "line 2: has another number of cells"),
        ("file,part\n00000.jpg,practice\n", "line 2: part is 'practice', expected train, val, test"),
        (
            "file,part\n00000.jpg,train\n00000.jpg,test\n",
            "line 3: 00000.jpg is in test and, by an earlier line, in train",
        ),
        ("file,part\nface.jpg,train\n", "none of its 1 names is a picture of this set. The first is face.jpg"),
        ("file,part\n", "names no pictures"),
        ("", "line 1: found ''"),
    ],
)
def test_a_file_that_is_no_division(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        run(samples(4), how=str(tmp_path / "split.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "people"}, "--divide people: no such way. Known: picture, person, own"),
        ({"folds": "1", "fold": 0}, "--folds 1: expected a number from 2"),
        ({"folds": "x", "fold": 0}, "--folds x: expected a number from 2"),
        ({"folds": "5"}, "say with --fold N"),
        ({"fold": 1}, "--fold 1: there are no folds"),
        ({"folds": "5", "fold": 5}, "there is no fold 5"),
        ({"how": "own", "folds": "5", "fold": 0}, "goes with --divide picture or person"),
        ({"val": 1.0}, "--val 1: expected a number between 0 and 1"),
        ({"how": "person"}, "does not say who is on its pictures"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(samples(20), **options)


def test_more_folds_than_persons() -> None:
    with pytest.raises(DatasetError, match="there are only 3 persons"):
        run(samples(50, persons=3), how="person", folds="4", fold=0)
