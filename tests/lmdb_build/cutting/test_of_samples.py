"""build_dataset --faces: labels are those of the set as published, pictures are the cut faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from common.errors import OutputExists, UsageError
from faces.align import cut
from faces.detectors import DETECTORS
from faces.face import Face, Landmarks
from faces.landmarks import read_face
from faces.pictures import decode, read_bytes
from kits.data_sets import write_adience, write_mat
from kits.faces import points_of_face, points_text
from kits.lmdb_build import verb
from lmdb_build.errors import DatasetError
from lmdb_build.tables import read_table

if TYPE_CHECKING:
    from faces.pictures import Picture

LARGE = Face((10, 12, 40, 44), 0.9, Landmarks((22, 28), (40, 30)))
SMALL = Face((50, 5, 16, 16), 0.8)
build = verb("build_dataset")
CUT = ("--faces", "two", "--size", "32", "--margin", "0.1")


class Two:
    """Finds a large and a small face in each picture, except in black ones. `looked` counts the pictures."""

    looked = 0

    def detect(self, picture: Picture) -> list[Face]:
        """Return both faces."""
        Two.looked += 1
        return [SMALL, LARGE] if picture.any() else []


@pytest.fixture(autouse=True)
def two(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, "two", lambda graph: Two())
    monkeypatch.setattr(Two, "looked", 0)


def noise(path: str | Path, seed: int = 0, black: bool = False) -> Picture:
    """Write a picture of noise and return what can be read of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (80, 70, 3), np.uint8) * (not black)
    cv2.imwrite(str(path), pixels)
    return decode(read_bytes(path))


def genki(count: int = 8, black: tuple[int, ...] = (2, 5)) -> dict[int, Picture]:
    """Write a miniature of GENKI-4K in which every third picture smiles."""
    pictures = {number: noise(f"set/files/file{number:04d}.jpg", number, number in black) for number in range(1, count)}
    Path("set/labels.txt").write_text("".join(f"{int(n % 3 == 0)} 0 0 0\n" for n in range(1, count)))
    return pictures


def rows() -> dict[str, float | None]:
    """Return the first task of each picture, in any part."""
    found = {}
    for part in ("train", "test"):
        table = read_table(f"data/DEF/{part}.csv")
        found |= {row.picture: row.values[next(iter(table.tasks))] for row in table.rows}
    return found


def test_a_picture_without_a_face_shifts_no_label(capsys: pytest.CaptureFixture[str]) -> None:
    pictures = genki()
    build(["--images", "set", "--dataset", "genki4k", *CUT])
    found = rows()
    assert found == {f"data/set_faces/files/file{n:04d}.jpg": n % 3 == 0 for n in (1, 3, 4, 6, 7)}
    for number in (1, 3, 4, 6, 7):
        face = decode(read_bytes(f"data/set_faces/files/file{number:04d}.jpg"))
        assert np.array_equal(face, cut(pictures[number], LARGE, 32, 0.1))
    report = json.loads(Path("data/DEF/report.json").read_text())
    reason = "no face found by two"
    assert report["left_out"] == [{"file": f"files/file000{n}.jpg", "reason": reason} for n in (2, 5)]
    assert {note["what"]: note["times"] for note in report["notes"]} == {
        "pictures left out because no face could be cut out of them": 2,
        "pictures that show several faces, of which one was taken": 5,
    }
    assert (report["options"]["faces"], report["options"]["size"], report["options"]["margin"]) == ("two", 32, 0.1)
    said = capsys.readouterr()
    assert "data/set_faces: 5 faces of 32x32, 5 of them newly cut\n" in said.out
    assert "set: 5 labelled pictures, 2 files left out" in said.out
    assert "2 pictures left out because no face could be cut out of them" in Path("data/DEF/report.txt").read_text()
    assert "left out: files/file0002.jpg: no face found by two" in said.err


def test_the_same_as_cut_faces_and_the_set_of_its_faces() -> None:
    genki()
    build(["--images", "set", "--dataset", "genki4k", *CUT])
    one = rows()
    verb("cut_faces")(["--images", "set", *CUT, "--out", "data/other"])
    build(["--images", "data/other", "--dataset", "genki4k", "--force"])
    assert {name.replace("other", "set_faces"): value for name, value in rows().items()} == one
    for name in one:
        assert Path(name).read_bytes() == Path(name.replace("set_faces", "other")).read_bytes()


def test_a_second_division_cuts_nothing_again(capsys: pytest.CaptureFixture[str]) -> None:
    genki()
    words = ["--images", "set", "--dataset", "genki4k", *CUT, "--folds", "2"]
    build([*words, "--fold", "0", "--out", "fold0"])
    Two.looked = 0
    capsys.readouterr()
    build([*words, "--fold", "1", "--out", "fold1"])
    assert Two.looked == 0
    assert "5 faces of 32x32, 0 of them newly cut" in capsys.readouterr().out
    assert {row.picture for row in read_table("fold0/test.csv").rows} == {
        row.picture for row in read_table("fold1/train.csv").rows
    }


def test_faces_of_other_pictures_or_options_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists that were made before name these files, so they stay what they were."""
    genki()
    words = ["--images", "set", "--dataset", "genki4k", *CUT]
    build(words)
    before = Path("data/set_faces/files/file0001.jpg").read_bytes()
    noise("set/files/file0001.jpg", 99)
    with pytest.raises(OutputExists, match=r"file0001\.jpg: was cut from another picture than set/files/file0001\.jpg"):
        build(words)
    with pytest.raises(OutputExists, match=r"cut with other options \(size 32\)\. Give --force"):
        build([*words[:-3], "16", *words[-2:]])
    assert Path("data/set_faces/files/file0001.jpg").read_bytes() == before
    build([*words, "--force"])
    assert Path("data/set_faces/files/file0001.jpg").read_bytes() != before


def test_landmarks_are_taken_where_they_fit() -> None:
    """FG-NET's points have lower-case names, and lie in a folder of the set."""
    pictures = {name: noise(f"set/images/{name}.JPG", n) for n, name in enumerate(("001A02", "001A05", "002A30"))}
    Path("set/points").mkdir()
    Path("set/points/001a02.pts").write_text(points_text(points_of_face((20, 30), (40, 30))))
    build(["--images", "set", "--dataset", "fgnet", *CUT, "--landmarks", "points"])
    assert set(rows()) == {f"data/set_faces/images/{name}.JPG" for name in pictures}
    own = cut(pictures["001A02"], read_face("set/points/001a02.pts"), 32, 0.1)
    assert np.array_equal(decode(read_bytes("data/set_faces/images/001A02.JPG")), own)
    assert Two.looked == 2


def test_a_csv_with_pictures_anywhere() -> None:
    """A path that leads out of the folder gets a name of its own below the folder of faces."""
    for number in range(4):
        noise(f"here/{number}.png", number, number == 1)
    Path("sub").mkdir()
    paths = ["here/0.png", "here/1.png", "here/2.png", Path("here/3.png").resolve()]
    lines = [f"{path},{number % 2}" for number, path in enumerate(paths)]
    Path("sub/mine.csv").write_text("\n".join(["picture,eyes:open|closed", *lines]) + "\n")
    build(["--images", "sub/mine.csv", "--dataset", "csv", *CUT])
    found = {Path(name).name: value for name, value in rows().items()}
    assert found == {"0.png": 0, "2.png": 0, "3.png": 1}
    assert all(name.startswith("data/mine_faces/") for name in rows())


def test_folders_of_classes() -> None:
    for number in range(6):
        noise(f"set/{'ab'[number % 2]}/{number}.png", number, number == 3)
    build(["--images", "set", "--dataset", "folder", *CUT])
    assert rows() == {f"data/set_faces/{'ab'[n % 2]}/{n}.png": n % 2 for n in (0, 1, 2, 4, 5)}


def test_the_face_that_imdb_wiki_means() -> None:
    """Whole photographs show several people; face_location says which of them has the name and the age."""
    places = {"small": (50, 5, 67, 22), "large": (8, 10, 55, 60), "nobody": (1, 60, 9, 70)}
    pictures = {name: noise(f"imdb/01/{name}.jpg", seed) for seed, name in enumerate(places)}
    common = {"dob": 726000.0, "photo_taken": 2010, "gender": 1, "face_score": 3, "second_face_score": float("nan")}
    entries = [
        {**common, "full_path": f"01/{name}.jpg", "name": name, "face_location": place}
        for name, place in places.items()
    ]
    write_mat(Path("imdb/imdb.mat"), entries)
    build(["--images", "imdb", "--dataset", "imdb_wiki", *CUT, "--split", "0.5"])
    for name, face in (("small", SMALL), ("large", LARGE)):
        assert np.array_equal(decode(read_bytes(f"data/imdb_faces/01/{name}.jpg")), cut(pictures[name], face, 32, 0.1))
    left_out = json.loads(Path("data/DEF/report.json").read_text())["left_out"]
    reason = "none of the 2 faces that two found is where the data set says"
    assert {"file": "01/nobody.jpg", "reason": reason} in left_out


def test_adience_may_be_cut_too() -> None:
    """Its names do not say whether the pictures were aligned, so nothing is refused."""
    people = [("u", f"{n}.jpg", n, "(25, 32)", "mf"[n % 2]) for n in range(6)]
    write_adience(Path("set"), [people, [], [], [], []])
    build(["--images", "set", "--dataset", "adience", *CUT])
    assert len(rows()) == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "32"], "nothing says where the faces are. Give --faces (haar, "),
        (["--margin", "0.1"], "nothing says where the faces are"),
        (["--faces", "two"], "nothing says how large the cut faces are. Give --size, for example --size 64."),
        (["--faces", "tow", "--size", "8"], "--faces tow: no such detector. Known: blazeface"),
        (["--faces", "two", "--size", "9999"], "--size 9999: expected 1 to 4096 pixels"),
        (["--landmarks", "none", "--size", "8"], "--landmarks none: no such folder, neither here nor in set"),
    ],
)
def test_wrong_use(words: list[str], message: str) -> None:
    genki()
    with pytest.raises(UsageError) as error:
        build(["--images", "set", "--dataset", "genki4k", *words])
    assert message in str(error.value)
    assert not Path("data").exists()


def test_a_set_around_the_place_of_the_faces() -> None:
    noise("data/a/1.png")
    noise("data/b/2.png")
    with pytest.raises(UsageError, match=r"--images data: the faces go to data/data_faces. That is the folder of the"):
        build(["--images", "data", "--dataset", "folder", *CUT])


def test_no_face_at_all() -> None:
    genki(black=tuple(range(8)))
    with pytest.raises(DatasetError, match="set: no face was found in its 7 pictures"):
        build(["--images", "set", "--dataset", "genki4k", *CUT])
    assert not Path("data/DEF").exists()
