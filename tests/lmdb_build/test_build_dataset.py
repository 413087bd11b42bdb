from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import pytest

from common.errors import OutputExists, UsageError
from common.places import ROOT
from kits.data_sets import write_adience
from kits.lmdb_build import command, picture, snapshot, truncate, verb, write_faces, write_picture
from lmdb_build.datasets import utkface
from lmdb_build.errors import DatasetError
from lmdb_build.lists import read_list
from lmdb_build.tables import read_table

main = verb("build_dataset")

PEOPLE = [(age, number % 2) for number, age in enumerate([3] * 12 + [15] + [25] * 25 + [34] * 7 + [66] * 2 + [90] * 4)]
LISTS = ("age_train", "age_test", "gender_train", "gender_test")
REAL = ROOT.parent / "shared/data/UTKFace_AsianOnly.tar.gz"


def lists() -> dict[str, list[tuple[str, int]]]:
    return {name: [tuple(entry) for entry in read_list(f"data/DEF/{name}.txt")] for name in LISTS}


def original(path: str) -> str:
    """The name of the picture that a copy was drawn from."""
    name = Path(path).name
    return name.rpartition(".jpg.")[0] + ".jpg" if path.startswith("data/augmented/") else name


def test_lists_are_split_balanced_and_labelled(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    main(["--images", "faces", "--seed", "3"])
    made = lists()
    train, test = made["age_train"], made["age_test"]
    own = [path for path, _ in train if path.startswith("faces/")]
    assert (len(own), len(test)) == (41, 10)
    assert Counter(map(Path, [*own, *(path for path, _ in test)])) == Counter(
        Path("faces", p.name) for p in Path("faces").iterdir()
    )
    before = Counter(label for path, label in train if path.startswith("faces/"))
    assert Counter(label for _, label in train) == dict.fromkeys(before, max(before.values()))
    for task, label_of in (("age", lambda age, _: min(age // 10, 8)), ("gender", lambda _, gender: gender)):
        for part in ("train", "test"):
            for path, label in made[f"{task}_{part}"]:
                assert label == label_of(*utkface.labels(original(path)))
    assert [path for path, _ in made["gender_train"]] == [path for path, _ in train]
    assert [path for path, _ in made["gender_test"]] == [path for path, _ in test]
    for path, _ in [*train, *test]:
        assert cv2.imread(path) is not None
    assert len({path for path, _ in train}) == len(train)


@pytest.mark.parametrize("seed", range(5))
def test_no_copy_of_a_test_picture_is_trained_on(working_folder: Path, seed: int) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    main(["--images", "faces", "--seed", "99"])  # leaves copies of other pictures behind
    main(["--images", "faces", "--seed", str(seed), "--force"])
    made = lists()
    tested = {Path(path).name for path, _ in made["age_test"]}
    assert not tested & {original(path) for path, _ in made["age_train"]}


def test_copies_are_not_read_as_pictures_of_the_set(working_folder: Path) -> None:
    write_faces(working_folder / "data/faces", PEOPLE)
    main(["--images", "data", "--seed", "1"])
    first = lists()
    main(["--images", "data", "--seed", "1"])
    assert lists() == first


def test_running_twice_changes_nothing(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_faces(working_folder / "faces", PEOPLE, chip=True)
    main(["--images", "faces"])
    before = snapshot(working_folder)
    first = capsys.readouterr().out
    main(["--images", "faces"])
    assert snapshot(working_folder) == before
    assert first.splitlines()[2:] == capsys.readouterr().out.splitlines()[2:]


def test_other_options_do_not_replace_lists_unless_forced(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    main(["--images", "faces"])
    before = snapshot(working_folder)
    for change in (["--seed", "7"], ["--split", "0.5"]):
        with pytest.raises(OutputExists, match="--force"):
            main(["--images", "faces", *change])
        assert snapshot(working_folder) == before
    main(["--images", "faces", "--split", "0.5", "--force"])
    assert snapshot(working_folder) != before


def test_the_same_files_give_the_same_lists_in_any_place_and_from_an_archive(working_folder: Path) -> None:
    write_faces(working_folder / "one/UTK faces", PEOPLE)
    (working_folder / "two").mkdir()
    names = sorted((working_folder / "one/UTK faces").iterdir(), reverse=True)
    with tarfile.open(working_folder / "two/faces.tar.gz", "w:gz") as tar:
        for path in names:  # in another order
            tar.add(path, f"UTK faces/{path.name}")
    found = []
    for folder, images in (("one", "UTK faces"), ("two", "faces.tar.gz")):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(working_folder / folder)
            main(["--images", images])
            found.append({name: [(Path(path).name, label) for path, label in made] for name, made in lists().items()})
            copies = {name: data for name, (data, _) in snapshot(Path("data/augmented")).items()}
            found.append(copies)  # type: ignore[arg-type]
            assert all(Path(path).is_file() for path, _ in lists()["age_test"])
    assert found[:2] == found[2:]


def test_files_with_the_same_contents_stay_on_one_side(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = write_faces(working_folder / "faces", PEOPLE)
    for number, face in enumerate(faces[:20]):
        shutil.copy(face, working_folder / "faces" / f"{number}_0_2_2018{number:013d}.jpg")
    main(["--images", "faces"])
    assert "20 of them repeat another file byte for byte" in capsys.readouterr().out
    made = lists()
    tested = {Path(path).read_bytes() for path, _ in made["age_test"]}
    trained = {Path(path).read_bytes() for path, _ in made["age_train"]}
    assert not tested & trained


def test_unused_files_are_named_and_counted(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = write_faces(working_folder / "faces", [(30, 0)] * 8)
    truncate(faces[2])
    faces[5].write_bytes(b"")
    cv2.imwrite(str(working_folder / "faces/130_0_2_2017.jpg"), picture())
    cv2.imwrite(str(working_folder / "faces/30_2017.jpg"), picture())
    (working_folder / "faces/notes.txt").write_text("x")
    main(["--images", "faces"])
    out, err = capsys.readouterr()
    assert "faces: 6 labelled pictures, 5 files left out" in out
    left = {line.split(": ")[1]: line for line in err.splitlines() if line.startswith("left out: ")}
    assert set(left) == {"130_0_2_2017.jpg", "30_2017.jpg", "notes.txt", faces[2].name, faces[5].name}
    assert "truncated" in left[faces[2].name]
    assert "0 bytes" in left[faces[5].name]
    assert not {faces[2].name, faces[5].name} & {original(path) for made in lists().values() for path, _ in made}


def test_the_table_of_counts(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_faces(working_folder / "faces", [(5, 0)] * 10 + [(85, 1)] * 30)
    main(["--images", "faces"])
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
    made = lists()
    for name, label in (("0-9", 0), ("80-120", 8)):
        train = [path for path, found in made["age_train"] if found == label]
        own = sum(path.startswith("faces/") for path in train)
        tested = sum(found == label for _, found in made["age_test"])
        assert rows[name] == [str(own), str(len(train)), str(tested)]
    assert rows["40-49"] == ["0", "0", "0"]
    assert rows["female"][2] == str(sum(found for _, found in made["gender_test"]))


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_pictures(working_folder: Path, count: int) -> None:
    write_faces(working_folder / "faces", [(30, 0)] * count)
    if count == 1:
        with pytest.raises(DatasetError, match="at least one on each side"):
            main(["--images", "faces", "--split", "0.5"])
        assert not (working_folder / "data").exists()
    else:
        main(["--images", "faces", "--split", "0.5"])
        assert [len(made) for made in lists().values()] == [1, 1, 1, 1]


def test_no_readable_picture(working_folder: Path) -> None:
    for face in write_faces(working_folder / "faces", [(30, 0)] * 3):
        face.write_text("text")
    with pytest.raises(DatasetError, match="none of its pictures can be read"):
        main(["--images", "faces"])
    assert not (working_folder / "data").exists()


def test_the_command_at_the_top(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    run = command("build_dataset", "--images", "faces", folder=working_folder)
    assert run.returncode == 0, run.stderr
    assert "Next: ./create_lmdb.sh" in run.stdout
    wrong = command("build_dataset", "--images", "none", folder=working_folder)
    assert (wrong.returncode, wrong.stderr.startswith("error: none: "), len(wrong.stderr.splitlines())) == (1, True, 1)


def test_the_real_faces_of_system_a(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL.name} is not beside the checkout; its pictures may not be part of it")
    monkeypatch.setattr("lmdb_build.build_dataset.draw_copy", lambda copy, folder: True)  # only the counts matter here
    main(["--images", str(REAL)])
    out = capsys.readouterr().out
    assert "3434 labelled pictures, 0 files left out" in out
    made = lists()
    own = [
        label for path, label in [*made["age_train"], *made["age_test"]] if path.startswith("data/UTKFace_AsianOnly/")
    ]
    assert [count for _, count in sorted(Counter(own).items())] == [929, 96, 1329, 527, 157, 115, 95, 84, 102]
    assert len(made["age_test"]) == 687
    assert len(set(Counter(label for _, label in made["age_train"]).values())) == 1


@pytest.mark.timeout(60)
def test_what_is_no_picture_is_left_out_with_a_reason(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_faces(working_folder / "faces", [(30, 0)] * 8)
    write_faces(working_folder / "more", [(40, 0)] * 2)
    os.mkfifo(working_folder / "faces/34_1_2_20170.jpg")
    (working_folder / "faces/34_1_2_20171.jpg").symlink_to("/dev/zero")
    (working_folder / "faces/34_1_2_20172.jpg").symlink_to("none.jpg")
    (working_folder / "faces/part1").symlink_to("../more")
    huge = bytearray(cv2.imencode(".png", picture())[1].tobytes())
    huge[16:24] = (32000).to_bytes(4, "big") * 2
    (working_folder / "faces/34_1_2_20173.png").write_bytes(huge)
    main(["--images", "faces"])
    out, err = capsys.readouterr()
    assert "faces: 8 labelled pictures, 5 files left out" in out
    for name, reason in {
        "34_1_2_20170.jpg": "a fifo, not an ordinary file",
        "34_1_2_20171.jpg": "a device, not an ordinary file",
        "34_1_2_20172.jpg": "no such file",
        "34_1_2_20173.png": "a PNG of 32000x32000 pixels, but at most 134217728 are decoded",
        "part1": "a link to a folder, which is not followed",
    }.items():
        assert f"left out: {name}: {reason}" in err
    (working_folder / "links").mkdir()
    (working_folder / "links/part1").symlink_to("../more")
    with pytest.raises(DatasetError, match=r"The first is part1: a link to a folder, which is not followed"):
        main(["--images", "links"])


@pytest.mark.parametrize("split", ["nan", "inf", "0", "1", "-1"])
def test_a_split_is_checked_before_anything_is_read(working_folder: Path, split: str) -> None:
    with pytest.raises(UsageError, match=f"--split {split}: expected a number between 0 and 1"):
        main(["--images", "none", f"--split={split}"])


def test_the_tables_hold_every_task_and_can_be_built_upon(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    main(["--images", "faces", "--seed", "3"])
    train = read_table("data/DEF/train.csv")
    assert list(train.tasks) == ["age", "gender", "adience_age", "years"]
    assert [(row.picture, row.values["age"]) for row in train.rows] == lists()["age_train"]
    assert {row.values["years"] for row in train.rows} == {3, 15, 25, 34, 66, 90}
    assert {row.values["adience_age"] for row in train.rows if row.values["years"] in (34, 90)} == {None, 7}
    assert not Path("data/DEF/adience_age_train.txt").exists()
    shutil.copytree("data/DEF", "first")
    shutil.rmtree("data/DEF")
    main(["--images", "first/test.csv", "--dataset", "csv", "--split", "0.5"])
    again = [*read_table("data/DEF/train.csv").rows, *read_table("data/DEF/test.csv").rows]
    assert sorted(again, key=str) == sorted(read_table("first/test.csv").rows, key=str)


def test_the_report_counts_parts_copies_and_persons(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        write_picture(Path(f"set/{number:03d}A{number + 1:02d}.JPG"), number)
        write_picture(Path(f"set/{number:03d}A{number + 30:02d}.JPG"), 100 + number)
    shutil.copy("set/000A01.JPG", "set/000A01b.JPG")
    main(["--images", "set", "--dataset", "fgnet", "--val", "0.25"])
    report = json.loads(Path("data/DEF/report.json").read_text())
    assert {part: figures["pictures"] for part, figures in report["parts"].items()} == {
        "train": 15,
        "val": 5,
        "test": 5,
    }
    assert report["parts"]["test"]["tasks"]["years"]["labelled"] == 5
    assert sum(report["parts"][part]["tasks"]["age"]["classes"]["0-9"] for part in report["parts"]) == 10
    assert report["repeats"] == {"pictures_that_repeat_another": 1, "across_parts": []}
    assert report["persons_across_parts"]
    assert report["options"]["balance"] == "none"
    text = Path("data/DEF/report.txt").read_text()
    assert text in capsys.readouterr().out
    assert f"persons in several parts: {len(report['persons_across_parts'])}" in text
    assert list(read_table("data/DEF/val.csv").tasks) == ["age", "adience_age", "years"]

    # A division of another's may put one picture into two parts. That is said.
    Path("split.csv").write_text("file,part\n000A01.JPG,train\n000A01b.JPG,test\n001A02.JPG,test\n")
    main(["--images", "set", "--dataset", "fgnet", "--divide", "split.csv", "--out", "other"])
    found = json.loads(Path("other/report.json").read_text())
    assert found["repeats"]["across_parts"] == [
        [{"part": "test", "picture": "set/000A01b.JPG"}, {"part": "train", "picture": "set/000A01.JPG"}]
    ]
    assert found["persons_across_parts"] == {"000": {"train": 1, "test": 1}}


def test_what_an_earlier_division_left_is_deleted_only_if_forced(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    main(["--images", "faces", "--balance", "weights", "--val", "0.2"])
    assert Path("data/DEF/age_infogain.binaryproto").is_file()
    Path("data/DEF/notes.txt").write_text("mine")
    before = snapshot(working_folder)
    with pytest.raises(OutputExists, match="--force"):
        main(["--images", "faces", "--balance", "repeats"])
    assert snapshot(working_folder) == before
    main(["--images", "faces", "--balance", "repeats", "--force"])
    assert not [name for name in map(str, Path("data/DEF").iterdir()) if "val" in name or "infogain" in name]
    assert Path("data/DEF/notes.txt").read_text() == "mine"
    train = read_table("data/DEF/train.csv").rows
    assert len(set(Counter(row.values["age"] for row in train).values())) == 1
    assert not Path("data/augmented").exists()


def test_a_set_may_come_in_several_archives(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both have a picture of the same name, and the same picture is in both."""
    for name, people in (("one", PEOPLE[:20]), ("two", PEOPLE[10:])):
        write_faces(working_folder / name, people)
    first = next(Path("one").iterdir())
    shutil.copy(first, Path("two") / first.name)
    with tarfile.open("two.tar", "w") as tar:
        tar.add("two")
    main(["--images", "one", "--images", "two.tar", "--balance", "none"])
    said = capsys.readouterr().out
    count = len(list(Path("one").iterdir())) + len(list(Path("two").iterdir()))
    assert f"one, data/two: {count} labelled pictures, 0 files left out" in said
    parts = {part: [row.picture for row in read_table(f"data/DEF/{part}.csv").rows] for part in ("train", "test")}
    assert len({*parts["train"], *parts["test"]}) == count
    both = {f"one/{first.name}", f"data/two/{first.name}"}
    assert both <= set(parts["train"]) or both <= set(parts["test"])
    with pytest.raises(UsageError, match="two of the folders are called one"):
        main(["--images", "one", "--images", "two/../one", "--force"])


def test_readers_options_belong_to_their_data_set(working_folder: Path) -> None:
    write_faces(working_folder / "faces", PEOPLE)
    with pytest.raises(UsageError, match="--nearest_range: is no option of --dataset utkface"):
        main(["--images", "faces", "--nearest-range"])
    with pytest.raises(UsageError, match="expected two ages"):
        main(["--images", "faces", "--dataset", "imdb_wiki", "--ages", "9-5"])
    with pytest.raises(UsageError, match=r"--task smile: the set has no such task\. Known: .*age"):
        main(["--images", "faces", "--task", "smile"])


def test_adience_from_its_fold_files_to_parts(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ages = ("(0, 2)", "(25, 32)", "(25, 23)", "None")
    folds = [
        [
            (f"u{fold}", f"{person}_{number}.jpg", 10 * fold + person, ages[(person + number) % 4], "mf"[person % 2])
            for person in range(4)
            for number in range(3)
        ]
        for fold in range(5)
    ]
    write_adience(Path("adience"), folds)
    main(["--images", "adience", "--dataset", "adience", "--divide", "own", "--fold", "2", "--val", "0.1"])
    parts = {part: read_table(f"data/DEF/{part}.csv") for part in ("train", "val", "test")}
    assert list(parts["test"].tasks) == ["gender", "adience_age"]
    assert {row.person for row in parts["test"].rows} == {"20", "21", "22", "23"}
    assert not {row.person for row in parts["train"].rows} & {row.person for row in parts["val"].rows}
    assert Path("data/DEF/adience_age_val.txt").is_file()
    out = capsys.readouterr().out
    assert "15 ages (25, 23) read as (25, 32)" in out
    assert "Next: ./moka create_lmdb --table data/DEF/train.csv --tasks gender,adience_age" in out
