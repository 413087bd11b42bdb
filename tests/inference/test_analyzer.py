"""FaceAnalyzer: every face of a picture is answered about, and no face is no answer."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.places import ROOT
from faces.face import Face, Landmarks
from inference import FaceAnalyzer, PictureError, UsageError, analyzer
from kits.inference import card_of, one_colour, write_graph

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
    monkeypatch.setattr(analyzer, "open_detector", lambda name, graph: Finds(*faces))
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


def eyes(apart: float, x: float, y: float) -> Face:
    """A face with eyes so far apart, with their middle at (x, y)."""
    return Face((x - 1, y - 1, 2, 2), 1.0, Landmarks((x - apart / 2, y), (x + apart / 2, y)))


@pytest.mark.parametrize(
    ("size", "face", "is_crop"),
    [
        # UTKFace's eyes are 0.39 of the picture apart.
        ((200, 200), eyes(78, 100, 75), True),
        ((200, 160), eyes(62, 80, 70), True),
        # A portrait, a face that is too small, and one in the corner.
        ((280, 160), eyes(62, 80, 70), False),
        ((200, 200), eyes(60, 100, 75), False),
        ((200, 200), eyes(78, 60, 40), False),
    ],
)
def test_a_cropped_face_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], face: Face, is_crop: bool
) -> None:
    picture = one_colour(GREEN, *size)
    with analyzer_that_finds(monkeypatch, tmp_path, face) as opened:
        found = opened.analyze(picture)
    assert bool(found.cropped) is is_crop
    assert (found.faces[0].box is None) is is_crop
    assert not is_crop or "% of the picture are what would be cut out" in found.cropped


def test_where_the_eyes_are_in_a_crop_is_on_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the eyes at the upper edge, as no net of the default has them."""
    face = eyes(78, 100, 0)
    monkeypatch.setattr(analyzer, "open_detector", lambda name, graph: Finds(face))
    for level, is_crop in ((None, False), (0.0, True)):
        graph = write_graph(tmp_path / str(level), card_of(eye_level=level) if level is not None else card_of())
        with FaceAnalyzer(graph, "CPU", detector="haar") as opened:
            assert bool(opened.analyze(one_colour(GREEN, 200, 200)).cropped) is is_crop


def test_the_margin_on_the_card_belongs_to_the_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Adience's crops the eyes are 0.22 of the picture apart, at 41 % of its height."""
    face = eyes(44, 100, 82)
    monkeypatch.setattr(analyzer, "open_detector", lambda name, graph: Finds(face))
    for margin, is_crop in ((0.0, False), (0.4, True)):
        graph = write_graph(tmp_path / str(margin), card_of(eye_level=0.34, crop_margin=margin))
        with FaceAnalyzer(graph, "CPU", detector="haar") as opened:
            assert bool(opened.analyze(one_colour(GREEN, 200, 200)).cropped) is is_crop


def test_two_faces_are_no_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with analyzer_that_finds(monkeypatch, tmp_path, eyes(78, 100, 75), eyes(20, 100, 75)) as opened:
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


def test_many_pictures_in_their_order(tmp_path: Path) -> None:
    colours = {"red": RED, "blue": BLUE, "green": GREEN}
    with FaceAnalyzer(write_graph(tmp_path), "CPU", detector="none") as opened:
        found = [each.faces[0].answers[0].text for each in opened.analyze_all(map(one_colour, colours.values()))]
        assert found == list(colours)
        with pytest.raises(PictureError):
            list(opened.analyze_all([np.zeros((5, 5, 3), np.uint8)]))


def test_several_at_once_in_an_event_loop(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        with FaceAnalyzer(write_graph(tmp_path), "CPU", detector="none") as opened:
            found = await asyncio.gather(*(opened.analyze_async(one_colour(colour)) for colour in (RED, BLUE, GREEN)))
        return [each.faces[0].answers[0].text for each in found]

    assert asyncio.run(ask()) == ["red", "blue", "green"]


def blocks(text: str) -> list[str]:
    """Pieces of Python in a page or a docstring: indented, and importing from here."""
    pieces = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
    return [piece for piece in map(textwrap.dedent, pieces) if "from inference import" in piece]


@pytest.mark.parametrize("page", ["docs/inference.md", "inference/__init__.py"])
def test_the_examples_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / page).read_text("utf-8")
    examples = blocks(text if page.endswith(".md") else text.split('"""')[1])
    assert examples
    write_graph(tmp_path / "graph")
    cv2.imwrite(str(tmp_path / "photo.jpg"), one_colour(RED, 100, 100))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(analyzer, "open_detector", lambda name, graph: Finds(Face((20, 20, 30, 30))))
    for example in examples:
        exec(compile(example, page, "exec"), {"__name__": "example"})
    assert "red" in capsys.readouterr().out
