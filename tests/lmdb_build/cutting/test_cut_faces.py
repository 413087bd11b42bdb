"""The verb cut_faces: a folder of pictures becomes a folder of faces that every reader reads."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from faces.align import cut
from faces.detectors import DETECTORS
from faces.face import Face, Landmarks
from faces.landmarks import read_face
from faces.pictures import decode, read_bytes
from kits.commands import Done
from kits.faces import points_of_face, points_text, portrait, real_data
from lmdb_build.cutting.folder import only_run

if TYPE_CHECKING:
    from faces.pictures import Picture

FACE = Face((10, 12, 40, 44), 0.9, Landmarks((22, 28), (40, 30)))


class Counting:
    """Finds FACE in each picture, except in black ones. `looked` counts the pictures."""

    looked = 0

    def detect(self, picture: Picture) -> list[Face]:
        """Return the face, and a smaller one in bright pictures."""
        Counting.looked += 1
        if not picture.any():
            return []
        return [FACE._replace(box=(0, 0, 5, 5)), FACE] if picture.min() > 200 else [FACE]


def noise(seed: int, low: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(low, 256, (80, 70, 3), np.uint8)


@pytest.fixture
def images(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures that show a face, one that shows two, one without any, and other files."""
    monkeypatch.setitem(DETECTORS, "told", lambda graph: Counting())
    monkeypatch.setattr(Counting, "looked", 0)
    folder = working_folder / "set"
    (folder / "sub").mkdir(parents=True)
    pictures = {"a.png": noise(1), "sub/b.JPG": noise(2), "bright.png": noise(3, 210), "black.png": noise(4) * 0}
    for name, pixels in pictures.items():
        (folder / name).write_bytes(cv2.imencode(Path(name).suffix.lower(), pixels)[1].tobytes())
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "labels.txt").write_text("1\n0\n")
    (folder / "sub" / "a.pts").write_text(points_text(points_of_face((20, 30), (40, 30))))
    return folder


CALL = (
    "lmdb_build",
    "cut_faces",
    "--images",
    "set",
    "--faces",
    "told",
    "--size",
    "32",
    "--margin",
    "0.1",
    "--out",
    "out",
)
Run = Callable[..., Done]


def test_faces_keep_their_names_and_others_are_named(images: Path, run_command: Run) -> None:
    done = run_command(*CALL)
    assert done.code == 0, done.err
    out = images.parent / "out"
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == ["a.png", "bright.png", "labels.txt", "sub/b.JPG"]
    for name in ("a.png", "bright.png", "sub/b.JPG"):
        expected = cut(decode(read_bytes(images / name)), FACE, 32, 0.1)
        # Always a PNG, so nothing is lost; every decoder goes by the contents.
        assert (out / name).read_bytes().startswith(b"\x89PNG")
        assert np.array_equal(decode(read_bytes(out / name)), expected)
    assert "left out: black.png: no face found by told" in done.err
    assert "left out: damaged.jpg: a truncated or damaged JPEG" in done.err
    assert "set: 5 pictures, 3 faces, 2 pictures left out\n1 pictures show more than one face" in done.out
    assert "out: 3 faces of 32x32, 3 of them newly cut; 1 other files copied" in done.out
    record = json.loads((images.parent / "out.json").read_text())
    assert record["counts"] == {"cut": 3, "left out": 2}
    assert record["options"] == {"faces": "told", "margin": 0.1, "size": 32}
    assert record["pictures"]["bright.png"]["faces"] == 2
    assert record["pictures"]["a.png"]["eyes"] == [[22, 28], [40, 30]]
    assert record["pictures"]["black.png"]["reason"] == "no face found by told"


def test_a_second_run_cuts_only_what_has_changed(images: Path, run_command: Run) -> None:
    assert run_command(*CALL).code == 0
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*") if path.is_file()}
    Counting.looked = 0
    done = run_command(*CALL)
    assert done.code == 0 and "0 of them newly cut" in done.out
    # The damaged one is decoded again, but no detector sees it.
    assert Counting.looked == 0
    assert "left out: black.png: no face found by told" in done.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (images / "a.png").write_bytes(cv2.imencode(".png", noise(9))[1].tobytes())
    (images.parent / "out" / "bright.png").unlink()
    done = run_command(*CALL)
    assert "2 of them newly cut" in done.out and Counting.looked == 2
    assert np.array_equal(decode(read_bytes("out/a.png")), cut(noise(9), FACE, 32, 0.1))


def test_faces_that_a_killed_run_left_are_taken(images: Path, run_command: Run) -> None:
    """Its record has the options, but not yet the pictures."""
    assert run_command(*CALL).code == 0
    record = json.loads(Path("out.json").read_text())
    Path("out.json").write_text(json.dumps({**record, "pictures": {}}))
    done = run_command(*CALL)
    assert done.code == 0 and "3 faces of 32x32, 0 of them newly cut" in done.out
    # But not another picture of the same name.
    Path("out.json").write_text(json.dumps({**record, "pictures": {}}))
    Path("out/a.png").write_bytes(b"mine")
    done = run_command(*CALL)
    assert done.code == 2 and "out/a.png: already there" in done.err
    assert Path("out/a.png").read_bytes() == b"mine"


def test_what_a_killed_run_left_half_written_is_removed(images: Path, run_command: Run) -> None:
    assert run_command(*CALL).code == 0
    left, other = Path("out/sub/.b.JPG.0123abcd.part"), Path("out/.mine")
    left.touch()
    other.touch()
    assert run_command(*CALL).code == 0
    assert not left.exists() and other.exists()


def test_two_runs_do_not_write_to_one_folder(images: Path, run_command: Run) -> None:
    assert run_command(*CALL).code == 0
    with only_run(Path("out")):
        left = Path("out/.a.png.0123abcd.part")
        left.touch()
        done = run_command(*CALL)
        assert done.code == 1 and "out: another run writes there now" in done.err
        assert left.exists()
    left.unlink()
    assert run_command(*CALL).code == 0


def test_other_options_need_force(images: Path, run_command: Run) -> None:
    assert run_command(*CALL).code == 0
    other = ["16" if word == "32" else word for word in CALL]
    done = run_command(*other)
    assert done.code == 2
    assert "error: out: its faces were cut with other options (size 32). Give --force to cut them again" in done.err
    assert decode(read_bytes("out/a.png")).shape == (32, 32, 3)
    assert run_command(*other, "--force").code == 0
    assert decode(read_bytes("out/a.png")).shape == (16, 16, 3)


def test_a_picture_that_is_gone_is_said(images: Path, run_command: Run) -> None:
    assert run_command(*CALL).code == 0
    (images / "a.png").unlink()
    done = run_command(*CALL)
    assert done.code == 0 and "1 faces in out are of pictures that are no longer there, such as a.png" in done.err


@pytest.mark.parametrize("given", ["set/sub", "sub"])
def test_landmarks_are_taken_where_they_fit(given: str, images: Path, run_command: Run) -> None:
    done = run_command(*CALL, "--landmarks", given)
    assert done.code == 0
    face = read_face(images / "sub/a.pts")
    assert np.array_equal(decode(read_bytes("out/a.png")), cut(noise(1), face, 32, 0.1))
    assert Counting.looked == 3
    # Points of the whole picture would be wrong beside the face.
    assert not Path("out/sub/a.pts").exists()


def test_the_eye_level_is_an_option_like_the_others(images: Path, run_command: Run) -> None:
    """Given as the default, it is the same as not given: records of earlier versions do not have it."""
    assert run_command(*CALL, "--eye_level", "0.375").code == 0
    assert run_command(*CALL).code == 0
    done = run_command(*CALL, "--eye_level", "0.29")
    assert done.code == 2
    assert "its faces were cut with other options (eye_level None)" in done.err
    again = run_command(*CALL, "--eye_level", "0.29", "--force")
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        'the card of a net that learns from them needs "crop_margin": 0.1, "eye_level": 0.29',
    )
    assert np.array_equal(decode(read_bytes("out/a.png")), cut(noise(1), FACE, 32, 0.1, 0.29))


def test_landmarks_alone(images: Path, run_command: Run) -> None:
    words = [word for word in CALL if word not in ("--faces", "told")]
    done = run_command(*words, "--landmarks", "sub")
    assert done.code == 0
    assert "set: 5 pictures, 1 faces, 4 pictures left out" in done.out
    assert "left out: bright.png: no file of landmarks has its name" in done.err
    # A changed file of landmarks is a changed source; a damaged one is named.
    (images / "sub/a.pts").write_text("no points")
    done = run_command(*words, "--landmarks", "sub")
    assert done.code == 1 and "left out: a.png: " in done.err and "a.pts: has another form" in done.err
    assert "no face was found in its 5 pictures" in done.err


def test_an_archive(images: Path, run_command: Run) -> None:
    with tarfile.open("set.tar", "w") as tar:
        tar.add("set")
    done = run_command(*("set.tar" if word == "set" else word for word in CALL))
    assert done.code == 0 and "data/set: 5 pictures, 3 faces" in done.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"told": "tol"}, "--faces tol: no such detector. Known: blazeface, haar, mtcnn, res10, told"),
        ({"32": "0"}, "--size 0: expected 1 to 4096 pixels"),
        ({"0.1": "-0.5"}, "--margin -0.5: expected more than -0.5"),
        ({"--margin": "--eye_level", "0.1": "1.5"}, "--eye_level 1.5: expected a share from 0 to 1"),
        ({"out": "set/faces"}, "one is inside the other"),
        ({"out": "."}, "one is inside the other"),
        ({"out": "mine"}, "mine: is a folder that this command did not write"),
        ({"--faces": "--landmarks", "told": "nowhere"}, "--landmarks nowhere: no such folder, neither here nor in set"),
        ({"--faces": "--landmarks", "told": "mine"}, "--landmarks mine: holds no .pts file"),
    ],
)
def test_wrong_use(changes: dict[str, str], words: str, images: Path, run_command: Run) -> None:
    Path("mine").mkdir()
    Path("mine/file.txt").touch()
    done = run_command(*(changes.get(word, word) for word in CALL))
    assert done.code == 2 and words in done.err
    assert not Path("out").exists() and not Path("out.json").exists()


def test_nothing_says_where_faces_are(images: Path, run_command: Run) -> None:
    done = run_command(*(word for word in CALL if word not in ("--faces", "told")))
    assert done.code == 2 and "Give --faces (haar, blazeface, mtcnn" in done.err


def test_a_folder_without_pictures(images: Path, run_command: Run) -> None:
    Path("mine").mkdir()
    done = run_command(*("mine" if word == "set" else word for word in CALL))
    assert done.code == 1 and "mine: holds no picture" in done.err


def test_an_entry_of_another_type(images: Path, run_command: Run) -> None:
    Path("out.json").write_text('{"options": {}, "pictures": {"a": {"source": "1", "faces": "many"}}}')
    assert "out.json: is not a record of cut faces" in run_command(*CALL).err


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"options": 3}', '{"options": {}, "pictures": {"a": {"x": 1}}}', "\x80", "[" * 9999]
)
def test_a_record_that_is_none(text: str, images: Path, run_command: Run) -> None:
    Path("out.json").write_text(text, encoding="latin-1")
    done = run_command(*CALL)
    assert done.code == 1 and "out.json: is not a record of cut faces" in done.err
    assert not Path("out").exists()


def test_a_real_detector_on_drawn_faces(working_folder: Path, run_command: Run) -> None:
    Path("set").mkdir()
    for seed in range(3):
        cv2.imwrite(f"set/{seed}.png", portrait(3))
    done = run_command(*("haar" if word == "told" else word for word in CALL))
    assert done.code == 0 and "3 faces of 32x32" in done.out


@pytest.mark.slow
def test_fgnet_by_its_own_points(working_folder: Path, run_command: Run) -> None:
    """All 1,002 pictures have points, and the cut faces can be read by the names that the set has."""
    shutil.copyfile(real_data("FGNET.tar"), "FGNET.tar")
    done = run_command(
        "lmdb_build", "cut_faces", "--images", "FGNET.tar", "--landmarks", "points", "--size", "48", "--out", "out"
    )
    assert done.code == 0 and "1002 pictures, 1002 faces, 0 pictures left out" in done.out, done.err
    assert len(list(Path("out/images").glob("*.JPG"))) == 1002
    assert not Path("out/points").exists()
