from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UsageError
from kits.lmdb_build import write_faces
from lmdb_build.datasets import read_dataset, utkface
from lmdb_build.errors import DatasetError
from lmdb_build.folders import files_below


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("34_1_2_20170116174525125.jpg", (34, 1)),
        ("1_0_4_20161219154842205.jpg.chip.jpg", (1, 0)),
        ("116_1_0_20170120134921760.JPG", (116, 1)),
        ("24_0_1_20170116220224657 .jpg", (24, 0)),  # the published set has such a blank
        ("55_0_0_20170116232725357jpg.chip.jpg", (55, 0)),  # and such a name
        ("part 1/0_0_3_20170110220644400.jpeg", (0, 0)),
        ("120_0_0_1.png", (120, 0)),
    ],
)
def test_names_that_are_read(name: str, labels: tuple[int, int]) -> None:
    assert utkface.labels(name) == labels


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("61_1_20170109142408075.jpg.chip.jpg", "3 fields"),  # the published set has such names
        ("53__0_20170116184028385.jpg", "gender is ''"),
        ("121_0_2_20170116174525125.jpg", "age is '121'"),
        ("999_0_2_20170116174525125.jpg", "age is '999'"),
        ("-3_0_2_20170116174525125.jpg", "age is '-3'"),
        ("x_0_2_20170116174525125.jpg", "age is 'x'"),
        ("30_3_2_20170116174525125.jpg", "gender is '3'"),
        ("30_0_7_20170116174525125.jpg", "race is '7'"),
        ("30_0_2_.jpg", "date is ''"),
        ("30_0_2_2017_1.jpg", "5 fields"),
        ("٣_0_2_20170116174525125.jpg", "age is"),  # an Arabic digit
        ("Thumbs.db", "not the name of a .jpg"),
        ("30_0_2_2017\n.jpg.txt", "not the name of a .jpg"),
        ("30_0_2_2017.jpg.chip.jpg.flip1.jpg", "date is"),  # a copy that build_dataset made
        ("30_0_2_2017.jpg.noise2.jpg", "date is"),
    ],
)
def test_names_that_are_left_out(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace(".", r"\.")):
        utkface.labels(name)


def test_reads_a_folder_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    write_faces(tmp_path / "b", [(30, 1)])
    write_faces(tmp_path / "a", [(5, 0)], chip=True)
    (tmp_path / "readme.txt").write_text("faces")
    found = read_dataset("utkface", tmp_path)
    assert [(sample.name, dict(sample.labels)) for sample in found.samples] == [
        ("a/5_0_2_20170000000000000.jpg.chip.jpg", {"years": 5, "gender": 0}),
        ("b/30_1_2_20170000000000000.jpg", {"years": 30, "gender": 1}),
    ]
    assert all(sample.path.is_file() for sample in found.samples)
    assert [name for name, _ in found.left_out] == ["readme.txt"]


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    for name in ("b/1", "a/2", "a.x", "B", "a/10"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_below(tmp_path) == ["B", "a.x", "a/10", "a/2", "b/1"]


def test_empty_missing_and_foreign_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="the folder is empty"):
        read_dataset("utkface", tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        read_dataset("utkface", tmp_path / "missing")
    (tmp_path / "cat.jpg").touch()
    with pytest.raises(DatasetError, match=r"none of its 1 files.*cat\.jpg: 1 fields"):
        read_dataset("utkface", tmp_path)


def test_an_unknown_data_set_names_the_known_and_the_closest(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r'--dataset utkfaces: no such data set\. Known: .*utkface.*Did you mean "utkface"\?'
    ):
        read_dataset("utkfaces", tmp_path)
