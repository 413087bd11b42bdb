"""Readers of data sets that need no options, on miniatures in exactly their formats."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kits.lmdb_build import write_picture
from lmdb_build.datasets import read_dataset
from lmdb_build.errors import DatasetError, TableError


def labels_of(kind: str, path: Path) -> dict[str, dict[str, float]]:
    return {sample.name: dict(sample.labels) for sample in read_dataset(kind, path).samples}


def test_fgnet(tmp_path: Path) -> None:
    for name in ("001A02.JPG", "067A05b.jpg", "067A05a.jpg", "082A69.JPG", "67A05.JPG", "001A121.JPG"):
        write_picture(tmp_path / "images" / name)
    (tmp_path / "points").mkdir()
    (tmp_path / "points/001a02.pts").write_text("version: 1\n")
    found = read_dataset("fgnet", tmp_path)
    assert [(one.name, one.person, one.labels["years"]) for one in found.samples] == [
        ("images/001A02.JPG", "001", 2),
        ("images/067A05a.jpg", "067", 5),
        ("images/067A05b.jpg", "067", 5),
        ("images/082A69.JPG", "082", 69),
    ]
    assert {name: reason[:14] for name, reason in found.left_out} == {
        "images/67A05.JPG": "not a name of ",
        "images/001A121.JPG": "age is 121, ex",
    }


def genki(folder: Path, lines: str, *numbers: int) -> Path:
    for number in numbers:
        write_picture(folder / f"genki4k/files/file{number:04d}.jpg")
    (folder / "genki4k/labels.txt").write_text(lines)
    (folder / "genki4k/README").write_text("about")
    return folder


def test_genki4k_goes_by_the_number_of_the_picture(tmp_path: Path) -> None:
    genki(tmp_path, "1 -0.06 -0.04 -0.01\n1 0.1 0 0\n0 0 0 0\n0 0 0 0\n", 1, 3, 4, 5)
    found = read_dataset("genki4k", tmp_path)
    assert labels_of("genki4k", tmp_path) == {
        "genki4k/files/file0001.jpg": {"smile": 1},
        "genki4k/files/file0003.jpg": {"smile": 0},
        "genki4k/files/file0004.jpg": {"smile": 0},
    }
    assert found.left_out == [("genki4k/files/file0005.jpg", "labels.txt has no line 5; it has 4")]
    assert found.notes == [("lines of labels.txt whose picture is not there", 1)]


@pytest.mark.parametrize("line", ["2 0 0 0", "1 0 0", "smile 0 0 0"])
def test_genki4k_names_a_wrong_line(tmp_path: Path, line: str) -> None:
    genki(tmp_path, f"1 0 0 0\n{line}\n", 1)
    with pytest.raises(DatasetError, match=rf"labels\.txt, line 2: found '{line}'\. Expected smile"):
        read_dataset("genki4k", tmp_path)


def test_genki4k_does_not_pass_over_an_empty_line(tmp_path: Path) -> None:
    """It would shift the labels of all pictures after it. At the end it does no harm."""
    genki(tmp_path, "1 0 0 0\n\n0 0 0 0\n", 1, 2)
    with pytest.raises(DatasetError, match=r"labels\.txt, line 2: is empty\. Expected smile"):
        read_dataset("genki4k", tmp_path)
    genki(tmp_path, "1 0 0 0\n0 0 0 0\n\n\n", 1, 2)
    assert len(read_dataset("genki4k", tmp_path).samples) == 2


def test_genki4k_without_its_labels(tmp_path: Path) -> None:
    genki(tmp_path, "1 0 0 0\n", 1).joinpath("genki4k/labels.txt").unlink()
    with pytest.raises(DatasetError, match=r"labels\.txt of GENKI-4K is not there"):
        read_dataset("genki4k", tmp_path)


def csv(folder: Path, text: str, name: str = "faces.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_csv_with_tasks_of_ones_own(tmp_path: Path) -> None:
    write_picture(tmp_path / "set/a/1.jpg")
    path = csv(
        tmp_path / "set",
        "picture,eyes:open|closed,person,gender,height:0..200,fold\n"
        "a/1.jpg,closed,ann,female,171.5,2\n"
        "a/2.jpg,,bob,0,,\n"
        "../x/3.jpg,0,,,,\n"
        "a/1.jpg,closed,ann,female,171.5,2\n",
    )
    found = read_dataset("csv", path)
    assert [(one.person, one.fold, dict(one.labels)) for one in found.samples] == [
        ("ann", "2", {"eyes": 1, "gender": 1, "height": 171.5}),
        ("bob", "", {"gender": 0}),
        ("", "", {"eyes": 0}),
    ]
    assert found.samples[0].path == tmp_path / "set/a/1.jpg"
    assert found.samples[2].name.endswith("/3.jpg")
    assert ".." not in found.samples[2].name
    assert found.notes == [("lines that repeat another line", 1)]
    assert found.tasks["eyes"].classes == ("open", "closed")
    assert len(found.tasks["height"].bins) == 201


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column `picture`"),
        ("file,age\n", "line 1: no column `picture` in 'file,age'"),
        ("picture,person\n1.jpg,x\n", "names no task"),
        ("picture,eyes\n1.jpg,open\n", "line 1: the column 'eyes' is no task. Name its classes, as in eyes:no|yes"),
        ("picture,eyes:open\n1.jpg,open\n", "names no task. Expected NAME:CLASS"),
        ("picture,gender:f|m\n1.jpg,f\n", "gender is a task of Moka with the classes male, female"),
        ("picture,gender,gender\n1.jpg,0,0\n", "two columns are called 'gender'"),
        ("picture,gender\n1.jpg\n", "line 2: has 1 cells, expected 2"),
        ("picture,gender\n1.jpg,2\n", "line 2: gender is '2'"),
        ("picture,years\n1.jpg,-1\n", "line 2: years is '-1'"),
        ("picture,gender\n,1\n", "line 2: names no picture"),
        ("picture,gender\n1.jpg,0\n1.jpg,1\n", "1.jpg has two lines with different labels"),
        ("picture,gender\n", "has no pictures"),
    ],
)
def test_csv_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((DatasetError, TableError), match=re.escape(message)):
        read_dataset("csv", csv(tmp_path, text))
