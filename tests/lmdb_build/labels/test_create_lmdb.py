"""The databases of create_lmdb: records, order, repeats, absent labels, and what is left after an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.datum import datum_to_array
from caffe_io.errors import DatabaseError
from common.errors import OutputExists, UsageError
from kits.lmdb_build import command, picture, records, snapshot, verb, write_picture
from lmdb_build.errors import LmdbBuildError, TableError
from lmdb_build.labels import create_lmdb

BOTH = ["pictures_lmdb", "labels_lmdb"]
main = verb("create_lmdb")


@pytest.fixture
def tables(working_folder: Path) -> Path:
    """Write two tables: smiles.csv with a task and 3 pictures, faces.csv with two and 4, of which each lacks one."""
    for index in range(7):
        write_picture(working_folder / f"pictures/{index}.png", index)
    Path("smiles.csv").write_text("picture,person,smile\npictures/0.png,,1\npictures/1.png,,0\npictures/2.png,,1\n")
    Path("faces.csv").write_text(
        "picture,person,gender,years\npictures/3.png,anna,1,34\npictures/4.png,bob,,61.5\n"
        'pictures/5.png,"C, Carl",0,\npictures/6.png,dora,1,7\n'
    )
    return working_folder


def labels_of(database: str) -> dict[str, list[float]]:
    """Return the labels by key, after a look at the form of each record."""
    found = {}
    for key, datum in records(Path(database)):
        assert (datum.channels, datum.height, datum.width, datum.data) == (len(datum.float_data), 1, 1, b"")
        assert datum_to_array(datum).dtype == np.float32
        found[key] = list(datum.float_data)
    return found


def test_every_picture_and_all_its_labels(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--table", "smiles.csv", "--table", "faces.csv", "--tasks", "smile,gender,years", "--absent", "-1"]
    main([*words, *BOTH])
    assert labels_of("labels_lmdb") == {
        "00000000_pictures/0.png": [1, -1, -1],
        "00000001_pictures/1.png": [0, -1, -1],
        "00000002_pictures/2.png": [1, -1, -1],
        "00000003_pictures/3.png": [-1, 1, 34],
        "00000004_pictures/4.png": [-1, -1, 61.5],
        "00000005_pictures/5.png": [-1, 0, -1],
        "00000006_pictures/6.png": [-1, 1, 7],
    }
    for index, (_, datum) in enumerate(records(Path("pictures_lmdb"))):
        assert np.array_equal(datum_to_array(datum), picture(index).transpose(2, 0, 1))
        assert datum.label == 0
    assert capsys.readouterr().out == (
        "pictures_lmdb: 7 records from smiles.csv, faces.csv; 0 skipped\n"
        "labels_lmdb: 7 records with the same keys, 3 labels each\n"
        "  0 smile: known 3 times, absent 4 times (-1)\n"
        "  1 gender: known 3 times, absent 4 times (-1)\n"
        "  2 years: known 3 times, absent 4 times (-1)\n"
    )


def test_the_tasks_order_the_channels(tables: Path) -> None:
    main(["--table", "faces.csv", "--tasks", "years,gender", "--absent", "200", *BOTH])
    assert list(labels_of("labels_lmdb").values()) == [[34, 1], [61.5, 200], [200, 0], [7, 1]]


def test_repeats_and_an_order_that_mixes_the_tables(tables: Path) -> None:
    words = ["--table", "smiles.csv:10", "--table", "faces.csv", "--tasks", "smile,years", "--absent=-1"]
    main([*words, *BOTH])
    plain = labels_of("labels_lmdb")
    main([*words, "--shuffle", "--seed=5", "p5", "l5"])
    main([*words, "--shuffle", "--seed=5", "again", "l5again"])
    main([*words, "--shuffle", "--seed=6", "p6", "l6"])
    mixed, other = labels_of("l5"), labels_of("l6")
    assert [key for key, _ in records(Path("p5"))] == list(mixed)
    assert mixed == labels_of("l5again") != other
    for found in (plain, mixed, other):
        assert len(found) == 34
        pairs = sorted((key[9:], values) for key, values in found.items())
        assert pairs == sorted((key[9:], values) for key, values in plain.items())
    places = [index for index, key in enumerate(mixed) if key[9:] > "pictures/3"]
    assert places != list(range(30, 34))
    for key, datum in records(Path("p5")):
        assert np.array_equal(datum_to_array(datum), picture(int(key[-5])).transpose(2, 0, 1))


@pytest.mark.parametrize("flags", [[], ["--gray"], ["--shuffle", "--seed=3", "--resize_height=9", "--resize_width=7"]])
def test_one_label_is_convert_imageset_s_byte_for_byte(tables: Path, flags: list[str]) -> None:
    """With an absent label too, which -1 stands for. The lists of a net with one label need no table."""
    Path("list.txt").write_text("pictures/3.png 1\npictures/4.png -1\npictures/5.png 0\npictures/6.png 1\n")
    verb("convert_imageset")([*flags, "./", "list.txt", "old_lmdb"])
    main([*flags, "--table", "faces.csv", "--tasks", "gender", "--absent=-1", *BOTH])
    old = [(key.replace("_./", "_"), datum.SerializeToString()) for key, datum in records(Path("old_lmdb"))]
    assert [(key, datum.SerializeToString()) for key, datum in records(Path("pictures_lmdb"))] == old
    assert Path("pictures_lmdb/data.mdb").read_bytes() == Path("old_lmdb/data.mdb").read_bytes()
    labels = [[float(datum.label)] for _, datum in records(Path("old_lmdb"))]
    assert list(labels_of("labels_lmdb").values()) == labels


def test_a_picture_that_cannot_be_read_is_in_neither_and_named_once(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pictures/1.png").write_text("no picture")
    Path("pictures/2.png").unlink()
    main(["--table", "smiles.csv:2", "--tasks", "smile", *BOTH])
    assert labels_of("labels_lmdb") == {"00000000_pictures/0.png": [1], "00000003_pictures/0.png": [1]}
    assert [key for key, _ in records(Path("pictures_lmdb"))] == list(labels_of("labels_lmdb"))
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert [line.split(":")[:2] for line in lines] == [["skipped", f" pictures/{index}.png"] for index in (1, 2)]
    assert "2 records from smiles.csv:2; 4 skipped" in printed.out


WORDS = ["--table", "faces.csv", "--tasks", "gender", "--absent=-1"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--table", "faces.csv", "--tasks", "gender"], LmdbBuildError, r'faces\.csv, line 3: has no .*"gender".*--absent -1'),
        (["--table", "faces.csv", "--tasks", "years", "--absent=7"], LmdbBuildError, r'faces\.csv, line 5: .*"years" is 7,'),
        (["--table", "faces.csv", "--tasks", "smile", "--absent=-1"], UsageError, "--tasks smile: no table .*gender, years"),
        (["--table", "faces.csv:0", "--tasks", "gender"], UsageError, "--table faces.csv:0: its pictures would be left out"),
        (["--table", "faces.csv", "--tasks", "gender,,years"], UsageError, "expected different names"),
        (["--table", "none.csv", "--tasks", "gender"], TableError, "none.csv: cannot be read"),
        ([*WORDS, "--resize_height=8"], UsageError, "give both"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_nothing_is_written(
    tables: Path, words: list[str], error: type[Exception], message: str
) -> None:
    before = snapshot(tables)
    with pytest.raises(error, match=message):
        main([*words, *BOTH])
    assert snapshot(tables) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("picture,person,gender\nx,,1\ny,,1,2\n", "x.csv, line 3: has 4 cells"),
        ("picture,person,gender\nx,,2\n", "x.csv, line 2: gender is '2'"),
        ("picture,person,gender\nx,,\ny,,\n", "gender: not one picture has this label"),
    ],
)
def test_a_wrong_table(working_folder: Path, text: str, message: str) -> None:
    Path("x.csv").write_text(text)
    with pytest.raises(LmdbBuildError, match=message):
        main(["--table", "x.csv", "--tasks", "gender", "--absent=-1", *BOTH])


def test_two_tables_with_other_classes_of_one_task(tables: Path) -> None:
    Path("imdb").mkdir()
    Path("imdb/train.csv").write_text("picture,person,gender\npictures/0.png,,1\n")
    Path("imdb/tasks.json").write_text('{"gender": {"classes": ["female", "male"], "ordered": false}}')
    with pytest.raises(
        TableError, match=r"imdb/train.csv: its gender is female, male, but in faces.csv it is male, female"
    ):
        main(["--table", "faces.csv", "--table", "imdb/train.csv", "--tasks", "gender", "--absent=-1", *BOTH])


def test_a_known_task_that_no_table_has_is_absent_for_all(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A net of several tasks is trained further on a set that knows fewer of them."""
    main(["--table", "smiles.csv", "--tasks", "smile,years", "--absent=-1", *BOTH])
    assert "1 years: known 0 times" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--tasks yeras: no table has such a column"):
        main(["--force", "--table", "smiles.csv", "--tasks", "smile,yeras", "--absent=-1", *BOTH])


def test_both_appear_or_none(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old databases stay until both new ones are complete, whatever goes wrong before."""
    main([*WORDS, *BOTH])
    before = snapshot(tables)
    write_picture(tables / "pictures/6.png", 6, height=30)
    with pytest.raises(LmdbBuildError, match=r"6\.png: is 30x20"):
        main(["--force", *WORDS, *BOTH])
    write_picture(tables / "pictures/6.png", 6)
    for pair in (["pictures_lmdb", "new"], ["new", "labels_lmdb"]):
        with pytest.raises(OutputExists, match="--force"):
            main([*WORDS, *pair])
    after = snapshot(tables)
    assert {name: data for name, (data, _) in after.items()} == {name: data for name, (data, _) in before.items()}

    put = create_lmdb.LmdbWriter.put

    def full(writer: create_lmdb.LmdbWriter, key: bytes, value: bytes) -> None:
        put(writer, key, value)
        if key.startswith(b"00000002"):
            raise DatabaseError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(create_lmdb.LmdbWriter, "put", full)
        with pytest.raises(DatabaseError):
            main(["--force", *WORDS, *BOTH])
    assert snapshot(tables).keys() == before.keys()
    main(["--force", "--table", "smiles.csv", "--tasks", "smile", *BOTH])
    assert [len(records(Path(name))) for name in BOTH] == [3, 3]


def test_labels_that_appear_meanwhile_stay_and_no_pictures_are_left(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = create_lmdb.LmdbWriter.finish
    calls = []

    def slow(writer: create_lmdb.LmdbWriter) -> None:
        finish(writer)
        calls.append(writer)
        # The pictures are at their place by now.
        if len(calls) == 4:
            Path("labels_lmdb").write_text("somebody's")

    monkeypatch.setattr(create_lmdb.LmdbWriter, "finish", slow)
    with pytest.raises(OutputExists, match="labels_lmdb"):
        main([*WORDS, *BOTH])
    assert len(calls) == 4
    assert Path("labels_lmdb").read_text() == "somebody's"
    assert not Path("pictures_lmdb").exists()


@pytest.mark.parametrize("pair", [("x", "x"), ("x", "x/y"), ("./x/../x/y", "x")])
def test_one_folder_for_both(tables: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="same folder, or one in the other"):
        main([*WORDS, *pair])


def test_a_file_whose_name_ends_with_a_number(tables: Path) -> None:
    Path("faces.csv").rename("faces:2")
    main(["--table", "faces:2", "--tasks", "gender", "--absent=-1", *BOTH])
    assert len(records(Path("labels_lmdb"))) == 4


def test_the_command(tables: Path) -> None:
    done = command("create_lmdb", *WORDS, *BOTH, folder=tables)
    assert (done.returncode, done.stderr) == (0, "")
    again = command("create_lmdb", *WORDS, *BOTH, folder=tables)
    assert (again.returncode, again.stderr.splitlines()[0][:35]) == (2, "error: pictures_lmdb: already there")
