"""Adience, IMDB-WIKI, APPA-REAL and folders of classes, on miniatures in exactly their formats."""

from __future__ import annotations

import datetime
import math
import re
from pathlib import Path
from typing import Any

import pytest

from kits.data_sets import write_adience, write_mat
from kits.lmdb_build import write_picture
from lmdb_build.datasets import ReaderOptions, read_dataset
from lmdb_build.datasets.adience import age_class
from lmdb_build.datasets.imdb_wiki import age_in_photo
from lmdb_build.errors import DatasetError

FOLDS = [
    [
        ("u@N1", "a.jpg", 1, "(25, 23)", "f"),
        ("u@N1", "b.jpg", 1, "(0, 2)", "m"),
        ("u@N1", "b.jpg", 1, "(0, 2)", "m"),
        ("u@N1", "gone.jpg", 1, "(0, 2)", "m"),
        ("u@N2", "a.jpg", 2, "35", "u"),
    ],
    [("u@N3", "a.jpg", 3, "(38, 42)", ""), ("u@N3", "c.jpg", 3, "None", "f"), ("u@N3", "d.jpg", 4, "(60, 100)", "m")],
]


def test_adience_repairs_and_drops_as_published(tmp_path: Path) -> None:
    found = read_dataset("adience", write_adience(tmp_path, FOLDS))
    assert [(one.name, dict(one.labels), one.person, one.fold) for one in found.samples] == [
        ("aligned/u@N1/landmark_aligned_face.1.a.jpg", {"adience_age": 4, "gender": 1}, "1", "0"),
        ("aligned/u@N1/landmark_aligned_face.1.b.jpg", {"adience_age": 0, "gender": 0}, "1", "0"),
        ("aligned/u@N3/landmark_aligned_face.3.c.jpg", {"gender": 1}, "3", "1"),
        ("aligned/u@N3/landmark_aligned_face.4.d.jpg", {"adience_age": 7, "gender": 0}, "4", "1"),
    ]
    assert dict(found.notes) == {
        "ages (25, 23) read as (25, 32)": 1,
        "ages None": 1,
        "genders unknown": 2,
        "lines that repeat another": 1,
        "lines whose picture is not there": 1,
        "single ages and odd ranges dropped": 2,
    }
    assert [reason for _, reason in found.left_out] == ["neither its age nor its gender is known"] * 2


def test_adience_with_the_nearest_range(tmp_path: Path) -> None:
    found = read_dataset("adience", write_adience(tmp_path, FOLDS), ReaderOptions(nearest_range=True))
    ages = {one.name[-11:]: one.labels.get("adience_age") for one in found.samples}
    assert ages["face.2.a.jpg"[-11:]] == 4
    assert ages["face.3.a.jpg"[-11:]] == 5
    assert dict(found.notes)["single ages and odd ranges moved to the nearest class"] == 2


@pytest.mark.parametrize(
    ("text", "exact", "nearest"),
    [
        ("(25, 32)", 4, 4),
        ("(25, 23)", 4, 4),
        ("3", None, 0),  # as near to 2 as to 4
        ("13", None, 2),
        ("34", None, 4),
        ("36", None, 5),
        ("(27, 32)", None, 4),
        ("(38, 48)", None, 5),
        ("(8, 23)", None, 3),
        ("58", None, 7),
        ("None", None, None),
    ],
)
def test_adience_ages(text: str, exact: int | None, nearest: int | None) -> None:
    assert (age_class(text, False), age_class(text, True)) == (exact, nearest)


def test_adience_with_another_prefix(tmp_path: Path) -> None:
    write_adience(tmp_path, FOLDS, "coarse_tilt_aligned_face")
    with pytest.raises(DatasetError, match=r"no picture landmark_aligned_face.*give --prefix coarse_tilt_aligned_face"):
        read_dataset("adience", tmp_path)
    assert len(read_dataset("adience", tmp_path, ReaderOptions(prefix="coarse_tilt_aligned_face")).samples) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\tage\t", "\told\t"), "fold_0_data.txt, line 1: found 'user_id.*Expected the columns of Adience"),
        (("\t414\t", "\t"), "fold_0_data.txt, line 2: has 11 columns, expected 12"),
        (("(0, 2)", "(0; 2)"), r"fold_0_data.txt, line 3: the age is '\(0; 2\)'"),
        (("\tm\t", "\tx\t"), "fold_0_data.txt, line 3: the gender is 'x'"),
    ],
)
def test_adience_names_a_wrong_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = write_adience(tmp_path, FOLDS) / "fold_0_data.txt"
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(DatasetError, match=message):
        read_dataset("adience", tmp_path)


def test_adience_without_fold_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "u/landmark_aligned_face.1.a.jpg")
    with pytest.raises(DatasetError, match="found 0 fold files of Adience"):
        read_dataset("adience", tmp_path)


def day(year: int, month: int, number: int) -> int:
    """A day as Matlab numbers it."""
    return datetime.date(year, month, number).toordinal() + 366


def entry(path: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "dob": day(1980, 3, 1),
        "photo_taken": 2010,
        "full_path": path,
        "gender": 1,
        "name": "Ann Other",
        "face_location": (11.0, 21.0, 110.0, 140.0),
        "face_score": 2.5,
        "second_face_score": math.nan,
    }
    return usual | changes


def wiki(folder: Path, *entries: dict[str, Any], name: str = "wiki_crop/wiki.mat", without: str = "") -> Path:
    mat = write_mat(folder / name, entries, without)
    for each in entries:
        if "gone" not in each["full_path"]:
            write_picture(mat.parent / each["full_path"])
    return folder


RULES = (
    entry("00/1.jpg"),
    entry("00/2.jpg", dob=day(1980, 7, 1), gender=0),
    entry("00/3.jpg", face_score=-math.inf),
    entry("00/4.jpg", face_score=0.9),
    entry("00/5.jpg", second_face_score=1.5),
    entry("00/6.jpg", dob=day(1900, 1, 1)),
    entry("00/7.jpg", dob=day(2011, 1, 1)),
    entry("00/8.jpg", gender=math.nan),
    entry("00/gone.jpg"),
)


def test_imdb_wiki_by_the_published_rules(tmp_path: Path) -> None:
    found = read_dataset("imdb_wiki", wiki(tmp_path, *RULES))
    assert [(one.name, dict(one.labels), one.person, one.box) for one in found.samples] == [
        ("wiki_crop/00/1.jpg", {"years": 30, "gender": 0}, "Ann Other", None),
        ("wiki_crop/00/2.jpg", {"years": 29, "gender": 1}, "Ann Other", None),  # female is 0 there
    ]
    assert dict(found.notes) == {
        "pictures without a face": 1,
        "face scores below 1": 1,
        "second faces with a score above 0": 1,
        "ages outside 0-100": 2,
        "genders unknown": 1,
        "pictures that are not there": 1,
    }


def test_imdb_wiki_takes_a_picture_once(tmp_path: Path) -> None:
    found = read_dataset("imdb_wiki", wiki(tmp_path, *(entry("01/a.jpg", name=name) for name in ("Ann", "Bob"))))
    assert [one.person for one in found.samples] == ["Ann"]
    assert found.notes == [("entries that name a picture again", 1)]


def test_imdb_wiki_with_other_rules(tmp_path: Path) -> None:
    options = ReaderOptions(min_face_score=0.5, max_second_face_score=2, ages=(0, 120), unknown_gender=True)
    found = read_dataset("imdb_wiki", wiki(tmp_path, *RULES, name="imdb/imdb.mat"), options)
    assert [one.name[-5] for one in found.samples] == ["1", "2", "4", "5", "6", "8"]
    assert dict(found.samples[-1].labels) == {"years": 30}
    assert found.samples[0].box == (10, 20, 100, 120)


@pytest.mark.parametrize(
    ("born", "age"), [((1980, 6, 30), 30), ((1980, 7, 1), 29), ((1980, 12, 31), 29), ((2010, 1, 1), 0)]
)
def test_age_in_the_middle_of_the_year(born: tuple[int, int, int], age: int) -> None:
    assert age_in_photo(day(*born), 2010) == age


def test_birth_days_before_the_year_one_do_not_end_the_reader() -> None:
    assert age_in_photo(47, 2010) == 2009


@pytest.mark.parametrize("field", ["dob", "face_score", "full_path"])
def test_imdb_wiki_without_a_field(tmp_path: Path, field: str) -> None:
    with pytest.raises(DatasetError, match=rf"wiki\.mat: wiki has no field {field}\. Found .*; expected dob, "):
        read_dataset("imdb_wiki", wiki(tmp_path, *RULES, without=field))


def test_imdb_wiki_that_is_damaged_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"neither imdb\.mat nor wiki\.mat"):
        read_dataset("imdb_wiki", tmp_path)
    mat = wiki(tmp_path, *RULES) / "wiki_crop/wiki.mat"
    data = mat.read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"MATLAB" * 40, data.replace(b"wiki", b"wikj")):
        mat.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"wiki\.mat: (cannot be read as a Matlab file|holds no variable wiki)"):
            read_dataset("imdb_wiki", tmp_path)
    # scipy's reader crashes at some damaged files, and takes its process with it.
    monkeypatch.setattr("lmdb_build.datasets.imdb_wiki.mat_worker.__file__", str(tmp_path / "crash.py"))
    (tmp_path / "crash.py").write_text("import os; os.kill(os.getpid(), 11)")
    with pytest.raises(DatasetError, match=r"scipy's reader ended with -11"):
        read_dataset("imdb_wiki", tmp_path)
    monkeypatch.undo()
    wiki(tmp_path, entry("00/1.jpg", gender=2))
    with pytest.raises(DatasetError, match=r"wiki\.mat, entry 1: the gender is 2"):
        read_dataset("imdb_wiki", tmp_path)


def appa(folder: Path, rows: str = "000000.jpg,40,5.05,0.3,4\n000001.jpg,36,24.6,2.1,24\n") -> Path:
    for part in ("train", "valid", "test"):
        table = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n" + rows
        (folder / part).mkdir(parents=True)
        (folder / f"gt_avg_{part}.csv").write_text(table)
        for number in range(2):
            write_picture(folder / part / f"00000{number}.jpg_face.jpg", number)
            write_picture(folder / part / f"00000{number}.jpg", number)
    return folder


def test_appa_real(tmp_path: Path) -> None:
    appa(tmp_path / "appa-real-release")
    (tmp_path / "ignore_list.txt").write_text("train/000001.jpg\n")
    (tmp_path / "appa-real-release/test/000000.jpg_face.jpg").unlink()
    found = read_dataset("appa_real", tmp_path)
    below = "appa-real-release"
    assert [(one.name, one.fold, dict(one.labels)) for one in found.samples] == [
        (f"{below}/train/000000.jpg_face.jpg", "train", {"years": 4, "apparent_years": 5.05}),
        (f"{below}/valid/000000.jpg_face.jpg", "valid", {"years": 4, "apparent_years": 5.05}),
        (f"{below}/valid/000001.jpg_face.jpg", "valid", {"years": 24, "apparent_years": 24.6}),
        (f"{below}/test/000001.jpg_face.jpg", "test", {"years": 24, "apparent_years": 24.6}),
    ]
    assert found.left_out == [(f"{below}/train/000001.jpg_face.jpg", "ignore_list.txt names it")]
    assert found.notes == [("lines whose face (FILE_face.jpg) is not there", 1)]


def test_appa_real_takes_a_repeated_line_once(tmp_path: Path) -> None:
    found = read_dataset("appa_real", appa(tmp_path, "000000.jpg,40,5.05,0.3,4\n" * 3))
    assert [one.name for one in found.samples] == [f"{part}/000000.jpg_face.jpg" for part in ("train", "valid", "test")]
    assert found.notes == [("lines that repeat another line", 6)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "000000.jpg,40,5,0.3,4\n000000.jpg,40,5,0.3,7\n",
            "gt_avg_train.csv: 000000.jpg has two lines with different ages",
        ),
        ("000000.jpg,40,5.05,0.3\n", "gt_avg_train.csv, line 2: has another number of cells"),
        ("000000.jpg,40,5.05,0.3,4,9\n", "gt_avg_train.csv, line 2: has another number of cells"),
        ("000000.jpg,40,5.05,0.3,old\n", "gt_avg_train.csv, line 2: real_age is 'old', expected years from 0 to 120"),
        ("000000.jpg,40,nan,0.3,4\n", "apparent_age_avg is 'nan'"),
        ("000000.jpg,40,121,0.3,4\n", "apparent_age_avg is '121'"),
    ],
)
def test_appa_real_names_a_wrong_line(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_dataset("appa_real", appa(tmp_path, rows))


def test_appa_real_without_a_column(tmp_path: Path) -> None:
    table = appa(tmp_path) / "gt_avg_valid.csv"
    table.write_text(table.read_text().replace("real_age", "age"))
    with pytest.raises(
        DatasetError, match=re.escape("gt_avg_valid.csv, line 1: has no column real_age. Found 'file_name")
    ):
        read_dataset("appa_real", tmp_path)
    table.unlink()
    with pytest.raises(DatasetError, match=r"gt_avg_valid\.csv of APPA-REAL is not there"):
        read_dataset("appa_real", tmp_path)


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for name in ("dogs/2.jpg", "cats/deep/1.jpg", "cats/3.png", "readme.jpg"):
        write_picture(tmp_path / name)
    found = read_dataset("folder", tmp_path)
    assert found.tasks["class"].classes == ("cats", "dogs")
    assert [(one.name, one.labels["class"]) for one in found.samples] == [
        ("cats/3.png", 0),
        ("cats/deep/1.jpg", 0),
        ("dogs/2.jpg", 1),
    ]
    assert found.left_out == [("readme.jpg", "lies in no folder of a class")]
    with pytest.raises(DatasetError, match=r"holds pictures in 1 folders \(deep\)"):
        read_dataset("folder", tmp_path / "cats")
