"""Tables of parts: written, read back, and refused where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import OutputExists
from common.tasks import TASKS, Task
from lmdb_build.errors import TableError
from lmdb_build.tables import Row, Table, read_table, write_table

EYES = Task("eyes", ("open", "closed"))
HEIGHT = Task("height", bins=(0.0, 50.0, 200.0), ordered=True)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tasks = {"age": TASKS["age"], "years": TASKS["years"], "eyes": EYES, "height": HEIGHT}
    rows = [
        Row("a b,c.jpg", "", {"age": 3.0, "years": 30.25, "eyes": None, "height": 50.0}),
        Row('ü"\udc80.jpg', "p 1", {"age": None, "years": None, "eyes": 1.0, "height": None}),
    ]
    write_table(tmp_path / "train.csv", Table(tasks, rows))
    assert (tmp_path / "train.csv").read_bytes().splitlines()[:2] == [
        b"picture,person,age,years,eyes,height",
        b'"a b,c.jpg",,3,30.25,,50',
    ]
    assert read_table(tmp_path / "train.csv") == Table(tasks, rows)
    with pytest.raises(OutputExists):
        write_table(tmp_path / "train.csv", Table(tasks, rows))


def test_without_a_file_of_tasks_they_are_mokas(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeffpicture,person,gender\r\n1.jpg,,1\r\n")
    assert read_table(tmp_path / "t.csv") == Table({"gender": TASKS["gender"]}, [Row("1.jpg", "", {"gender": 1.0})])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found ''"),
        ("1.jpg 3\n", "line 1: found '1.jpg 3'. Expected picture,person,TASK"),
        ("picture,person\n", "Expected picture,person,TASK"),
        ("picture,person,gender\n", "has no pictures"),
        ("picture,person,gender,gender\n1.jpg,,1,1\n", "two columns are called 'gender'"),
        ("picture,person,eyes\n1.jpg,,1\n", "no task 'eyes' in .*tasks.json"),
        ("picture,person,gender\n1.jpg,1\n", "line 2: has 2 cells, expected 3"),
        (
            "picture,person,gender\n1.jpg,,1\n2.jpg,,2\n",
            r"line 3: gender is '2', expected a class from 0 \(male\) to 1",
        ),
        ("picture,person,gender\n1.jpg,,0.5\n", "gender is '0.5'"),
        ("picture,person,gender\n1.jpg,,nan\n", "gender is 'nan'"),
        ("picture,person,gender\n1.jpg,,1_0\n", "gender is '1_0'"),
        ("picture,person,years\n1.jpg,,101\n", "years is '101', expected a number from 0 to 100"),
        ("picture,person,years\n1.jpg,,inf\n", "years is 'inf'"),
        ("picture,person,years\n,,10\n", "line 2: names no picture"),
        ('picture,person,years\n"1.jpg,,10\n', "line 2: is not CSV"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("{", "is not a file of tasks"),
        ("[]", "is not a file of tasks"),
        ('{"eyes": {}}', "eyes needs either classes or bins"),
        ('{"eyes": {"classes": ["a", "a"]}}', "must be different names"),
        ('{"eyes": {"bins": [1, 0]}}', "must be numbers that grow"),
    ],
)
def test_what_is_no_file_of_tasks(tmp_path: Path, tasks: str, message: str) -> None:
    (tmp_path / "tasks.json").write_text(tasks)
    (tmp_path / "t.csv").write_text("picture,person,eyes\n1.jpg,,1\n")
    with pytest.raises(TableError, match=message):
        read_table(tmp_path / "t.csv")


def test_a_path_with_a_line_break_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="line break"):
        write_table(tmp_path / "t.csv", Table({"eyes": EYES}, [Row("a\nb.jpg", "", {"eyes": 0.0})]))
    assert not list(tmp_path.iterdir())


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_a_line_and_a_line_break_within_quotes(tmp_path: Path, end: str) -> None:
    lines = ["picture,person,gender", 'a.png,"two\nlines",1', "", "b.png,,0"]
    (tmp_path / "x.csv").write_bytes(end.join(lines).encode())
    table = read_table(tmp_path / "x.csv")
    assert [(row.picture, row.person) for row in table.rows] == [("a.png", "two\nlines"), ("b.png", "")]
    (tmp_path / "x.csv").write_bytes(end.join([*lines, "c.png,,7"]).encode())
    with pytest.raises(TableError, match=r"x\.csv, line 6: gender is '7'"):
        read_table(tmp_path / "x.csv")
