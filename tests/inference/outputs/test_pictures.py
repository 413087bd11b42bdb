"""Annotated pictures: their names, and that they hold the drawing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import MokaError, OutputExists, UsageError
from inference.frame import Frame
from inference.outputs import open_outputs
from inference.outputs.drawing import draw_faces
from inference.outputs.pictures import encode, stem_of
from kits.outputs import about_of, frame_of, people

FACE = (50.0, 60.0, 90.0, 100.0)


def write(path: Path, *frames: Frame, force: bool = False) -> None:
    kind = "pictures" if not path.suffix else "picture"
    with open_outputs([(kind, path)], about_of(), force) as outputs:
        for frame in frames:
            outputs.write(frame, people(frame, FACE))


def test_a_folder(tmp_path: Path) -> None:
    film = [frame_of("film.mp4", index=index, seconds=index / 25, moving=True) for index in (0, 1)]
    write(tmp_path / "out", frame_of("a/face.jpg"), frame_of("b/face.png"), frame_of("faces.tar:c/face.webp"), *film)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["face.jpg", "face_2.jpg", "face_3.jpg", "film_000000.jpg", "film_000001.jpg"]
    drawn = cv2.imread(str(tmp_path / "out/face_3.jpg"))
    expected = draw_faces(frame_of().picture, people(frame_of(), FACE))
    assert drawn.shape == expected.shape
    assert np.abs(drawn.astype(int) - expected).mean() < 2


def test_force_replaces_only_a_folder_of_pictures(tmp_path: Path) -> None:
    write(tmp_path / "out", frame_of("old.jpg"))
    write(tmp_path / "out", frame_of("new.jpg"), force=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new.jpg"]
    (tmp_path / "out/diary.txt").write_text("mine")
    with pytest.raises(OutputExists, match=r"holds diary\.txt"):
        write(tmp_path / "out", frame_of("new.jpg"), force=True)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday/IMG 1.JPG", "IMG_1"),
        ("faces.tar:x/y.png", "y"),
        ("rtsp://camera.example:554/live?token=a&b", "live_token_a_b"),
        ("-", "picture"),
        ("..", "picture"),
        ("a/.hidden.jpg", "hidden"),
        ("\udce4\x1b.jpg", "_"),
        ("größe.jpg", "größe"),
        (f"{'x' * 300}.jpg", "x" * 100),
        ("C:\\photos\\me.jpg", "me"),
    ],
)
def test_names(name: str, stem: str) -> None:
    assert stem_of(frame_of(name)) == stem


def test_one_picture(tmp_path: Path) -> None:
    write(tmp_path / "a.png", frame_of())
    expected = draw_faces(frame_of().picture, people(frame_of(), FACE))
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png")), expected)


def test_one_picture_is_not_several(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.png: holds one picture, but there are several"):
        write(tmp_path / "a.png", frame_of(), frame_of())
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_opencv_cannot_write() -> None:
    with pytest.raises(MokaError, match=r"\.xyz"):
        encode(frame_of().picture, ".xyz")
    with pytest.raises(MokaError, match=r"\.jpg"):
        encode(np.zeros((1, 70000, 3), np.uint8), ".jpg")
