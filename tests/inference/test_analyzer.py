"""FaceAnalyzer: every face of a picture is answered about, and no face is no answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faces.face import Face, Landmarks
from inference import FaceAnalyzer, PictureError, UsageError, analyzer
from kits.inference import one_colour, write_graph

BLUE, RED, GREEN = (220, 40, 40), (40, 40, 220), (40, 220, 40)


class Finds:
    """A detector that finds what it is told."""

    def __init__(self, *faces: Face) -> None:
        self.faces = faces

    def detect(self, picture: object) -> Sequence[Face]:
        return list(self.faces)


def analyzer_that_finds(
    monkeypatch: pytest.MonkeyPatch, graph: Path, *faces: Face, smallest: float = 0
) -> FaceAnalyzer:
    monkeypatch.setattr(analyzer, "open_detector", lambda name: Finds(*faces))
    return FaceAnalyzer(write_graph(graph), "CPU", detector="haar", smallest=smallest)


def test_each_face_has_its_own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = one_colour(GREEN, 100, 300)
    picture[20:80, 20:80], picture[20:80, 200:260] = RED, BLUE
    left, right = Face((20, 20, 60, 60), 0.9), Face((200, 20, 60, 60), 0.8)
    with analyzer_that_finds(monkeypatch, tmp_path, left, right) as opened:
        found = opened.analyze(picture)
    assert [face.box for face in found.faces] == [(20, 20, 60, 60), (200, 20, 60, 60)]
    assert [face.answers[0].text for face in found.faces] == ["red", "blue"]
    assert (found.width, found.height, found.cropped) == (300, 100, "")
    assert set(found.milliseconds) == {"detect", "prepare", "compute"}


def test_a_picture_without_a_face_gets_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with analyzer_that_finds(monkeypatch, tmp_path) as opened:
        assert opened.analyze(one_colour(RED, 200, 200)).faces == ()


def test_small_faces_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = Face((0, 0, 30, 30)), Face((50, 0, 29, 40))
    with analyzer_that_finds(monkeypatch, tmp_path, *faces, smallest=30) as opened:
        assert [face.face for face in opened.analyze(one_colour(RED, 200, 200)).faces] == [faces[0]]


def eyes(apart: float, side: float) -> Face:
    """A face in the middle of a square picture, with eyes so far apart."""
    middle = side / 2
    points = Landmarks((middle - apart / 2, middle), (middle + apart / 2, middle))
    return Face((middle - 1, middle - 1, 2, 2), 1.0, points)


@pytest.mark.parametrize(
    ("size", "apart", "is_crop"),
    [((200, 200), 78, True), ((200, 160), 62, True), ((200, 140), 55, False), ((200, 200), 40, False)],
)
def test_a_cropped_face_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], apart: float, is_crop: bool
) -> None:
    """UTKFace's eyes are 0.39 of the picture apart."""
    picture = one_colour(GREEN, *size)
    with analyzer_that_finds(monkeypatch, tmp_path, eyes(apart, min(size))) as opened:
        found = opened.analyze(picture)
        assert bool(found.cropped) is is_crop
        assert (found.faces[0].box is None) is is_crop
    assert not is_crop or "fills 9" in found.cropped


def test_two_faces_are_no_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with analyzer_that_finds(monkeypatch, tmp_path, eyes(78, 200), eyes(20, 200)) as opened:
        assert len(opened.analyze(one_colour(GREEN, 200, 200)).faces) == 2


def test_without_a_detector_the_picture_is_the_face(tmp_path: Path) -> None:
    with FaceAnalyzer(write_graph(tmp_path), "CPU", detector="none") as opened:
        (face,) = opened.analyze(one_colour(BLUE)).faces
        assert (face.box, face.answers[0].text, opened.detector_name) == (None, "blue", "")


def test_a_given_face_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = one_colour(GREEN, 100, 100)
    picture[10:40, 10:40] = RED
    with analyzer_that_finds(monkeypatch, tmp_path, Face((50, 50, 40, 40))) as opened:
        (face,) = opened.analyze(picture, Face((10, 10, 30, 30))).faces
    assert (face.box, face.answers[0].text) == ((10, 10, 30, 30), "red")


def test_no_picture_is_refused(tmp_path: Path) -> None:
    with FaceAnalyzer(write_graph(tmp_path), "CPU", detector="none") as opened, pytest.raises(PictureError):
        opened.analyze(np.zeros((5, 5, 3), np.uint8))


def test_an_unknown_detector(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such detector"):
        FaceAnalyzer(write_graph(tmp_path), "CPU", detector="hare")
