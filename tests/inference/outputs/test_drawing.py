"""Several faces on one picture: each has its label, labels hide nothing, and nobody's answers are lost in a crowd."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest

from faces.face import Face
from inference.analyzer import Analysis, AnalyzedFace
from inference.annotate import annotate
from inference.answer import Answer
from inference.outputs import plates
from inference.outputs.drawing import LONGEST, NARROWEST, SHORTEST, draw_faces, full_rows, short_rows
from inference.outputs.labels import MOST, OF_OWN, find_places
from inference.outputs.plates import Style, colour_of
from kits.outputs import ANSWERS, GENDER, MARKS, YEARS, cropped, frame_of, people

SIZE = (720, 1280)
THREE = [(100.0, 100.0, 150.0, 180.0), (560.0, 120.0, 150.0, 180.0), (1000.0, 90.0, 150.0, 180.0)]
NOBODY = np.empty((0, 4), np.int64)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int, int]]:
    """All texts that are written: text, left, baseline, height of a capital letter."""
    written = []
    write = plates.put_text

    def note(sheet: np.ndarray, text: str, at: tuple[int, int], scale: float, *rest: object) -> None:
        written.append((text, *at, round(scale * plates.CAPITAL)))
        write(sheet, text, at, scale, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(plates, "put_text", note)
    return written


def crowd(rows: int, columns: int, height: int = 600, width: int = 1000) -> Analysis:
    """Faces shoulder to shoulder."""
    down, across = height / rows, width / columns
    boxes = [
        (column * across, row * down, across - 1, down - 1) for row, column in product(range(rows), range(columns))
    ]
    return people(frame_of(size=(height, width)), *boxes)


def test_three_faces(texts: list[tuple[str, int, int, int]]) -> None:
    frame = frame_of(size=SIZE)
    before = frame.picture.copy()
    sheet = draw_faces(frame.picture, people(frame, *THREE))
    assert sheet.shape == before.shape and sheet.dtype == np.uint8
    assert np.array_equal(frame.picture, before)
    words = [text for text, *_ in texts]
    for word in ("years", "31.4", "+/- 5.2", "gender", "female", "99 %", "marks", "x 0.25, y 0.5"):
        assert words.count(word) == 3
    for number, (left, top, width, height) in enumerate(THREE, 1):
        # In its corner and on its label.
        assert words.count(str(number)) == 2
        colour = colour_of(number)
        for x, y in ((left, top + height / 2), (left + width, top + height / 2), (left + width / 2, top + height)):
            assert (sheet[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] == colour).all(axis=2).any()
        # Nothing but frame, number and label is painted.
        middle = sheet[round(top) + 40 : round(top + height) - 20, round(left) + 40 : round(left + width) - 20]
        assert (middle == 128).all()


@pytest.mark.parametrize(
    ("size", "capital"), [((720, 1280), 16), ((3000, 4000), 50), ((120, 160), 11), ((480, 640), 11)]
)
def test_texts_grow_with_the_picture(
    size: tuple[int, int], capital: int, texts: list[tuple[str, int, int, int]]
) -> None:
    frame = frame_of(size=size)
    height, width = size
    sheet = draw_faces(frame.picture, people(frame, (width * 0.3, height * 0.2, width * 0.2, height * 0.3)))
    assert max(sheet.shape) == max(SHORTEST, *size)
    assert {text[3] for text in texts} == {capital}
    # One face needs no number.
    assert "1" not in [text for text, *_ in texts]


def test_small_faces_have_small_labels(texts: list[tuple[str, int, int, int]]) -> None:
    frame = frame_of(size=(960, 1600))
    draw_faces(frame.picture, people(frame, (300, 300, 60, 60), (900, 300, 72, 72), (1300, 500, 70, 70)))
    assert {capital for text, _, _, capital in texts if text == "female"} == {13}
    texts.clear()
    draw_faces(frame.picture, people(frame, (300, 300, 200, 200)))
    assert {capital for *_, capital in texts} == {20}


def test_no_face(texts: list[tuple[str, int, int, int]]) -> None:
    frame = frame_of(size=SIZE)
    sheet = draw_faces(frame.picture, people(frame))
    assert [text for text, *_ in texts] == ["no face found"]
    assert (sheet[100:] == 128).all()


def test_a_cropped_face_has_its_answers_below() -> None:
    frame = frame_of(size=(200, 200))
    assert np.array_equal(draw_faces(frame.picture, cropped(frame)), annotate(frame.picture, ANSWERS))


def test_a_person_keeps_number_and_colour(texts: list[tuple[str, int, int, int]]) -> None:
    frame = frame_of(size=SIZE)
    sheet = draw_faces(frame.picture, Analysis(1280, 720, (AnalyzedFace((GENDER,), Face(THREE[0]), 4),)))
    assert [text for text, *_ in texts].count("4") == 2
    assert (sheet == colour_of(4)).all(axis=2).any()
    assert colour_of(4) != colour_of(1)


def test_a_crowd_is_listed_below(texts: list[tuple[str, int, int, int]]) -> None:
    """Where no label has room, each face has its number, and all answers stand in the list."""
    analysis = crowd(5, 8)
    sheet = draw_faces(frame_of(size=(600, 1000)).picture, analysis)
    assert sheet.shape[1] == 1000 and sheet.shape[0] > 600
    listed = [text for text, *_ in texts if not text.isdigit()]
    assert len(listed) == 40
    assert {line.split(",")[0] for line in listed} == {"years 31.4 +/- 5.2"}
    assert [text for text, *_ in texts].count("17") == 2


def test_a_video_keeps_its_size(texts: list[tuple[str, int, int, int]]) -> None:
    """There, as many faces as possible have labels."""
    sheet = draw_faces(frame_of(size=(600, 1000)).picture, crowd(1, 6), listed=False)
    assert sheet.shape == (600, 1000, 3)
    texts.clear()
    sheet = draw_faces(frame_of(size=(600, 1000)).picture, crowd(3, 6), listed=False)
    assert sheet.shape == (600, 1000, 3)
    assert 0 < sum(text.startswith("years 31") for text, *_ in texts) < 18


def test_close_faces_have_short_labels(texts: list[tuple[str, int, int, int]]) -> None:
    boxes = [(x, y, 130.0, 140.0) for y in (30.0, 230.0, 430.0) for x in (20.0, 220.0, 420.0, 620.0, 820.0)]
    frame = frame_of(size=(620, 1000))
    sheet = draw_faces(frame.picture, people(frame, *boxes))
    assert sheet.shape == frame.picture.shape
    assert [text for text, *_ in texts].count("years 31, female") == 15


@pytest.mark.parametrize("size", [(16, 16), (16, 2000), (2000, 16), (40, 30), (5000, 300)])
def test_extreme_pictures(size: tuple[int, int]) -> None:
    """Faces at the edges and beyond, in pictures of any shape."""
    frame = frame_of(size=size)
    height, width = size
    boxes = [(-5.0, -5.0, 12.0, 12.0), (width - 4.0, height - 4.0, 20.0, 20.0), (width + 50.0, 3.0, 9.0, 9.0)]
    for count in (1, 3):
        for listed in (True, False):
            sheet = draw_faces(frame.picture, people(frame, *boxes[:count]), listed)
            assert sheet.shape[1] >= NARROWEST
            assert listed or max(sheet.shape) <= max(LONGEST, NARROWEST)


def test_any_faces_in_any_picture() -> None:
    """Boxes anywhere and of any size, texts of any length and script, persons of any number."""
    random = np.random.default_rng(7)
    words = ["", "a", "female", "größe\x1b[2J\n", "x" * 300, "yes", "日本語"]
    for _ in range(80):
        height, width = (int(side) for side in np.exp(random.uniform(np.log(16), np.log(700), 2)))
        faces = []
        for _ in range(int(random.integers(0, 9))):
            far = float(random.choice([1, 1, 1, 10, 1e12]))
            left, top = random.uniform(-1, 2, 2) * (width, height) * far
            across, down = np.abs(random.normal(0, 0.3, 2)) * (width, height) * far + 0.01
            answers = [
                Answer(
                    "Net", str(random.choice(words)), "argmax", str(random.choice(words)), {}, float(random.random())
                )
                for _ in range(int(random.integers(0, 4)))
            ]
            face = Face((float(left), float(top), float(across), float(down))) if random.random() > 0.1 else None
            faces.append(AnalyzedFace(tuple(answers), face, int(random.integers(1, 10**9)) if far > 1 else None))
        picture = frame_of(size=(height, width)).picture
        sheet = draw_faces(picture, Analysis(width, height, tuple(faces)), bool(random.random() < 0.5))
        assert sheet.dtype == np.uint8 and sheet.shape[2] == 3


def test_long_texts_are_cut(texts: list[tuple[str, int, int, int]]) -> None:
    """Columns do not run into one another, and the label stays in the picture."""
    long = Answer("Net", "a task with a very long name, longer than most", "argmax", "a class " * 20, {}, 0.5)
    frame = frame_of(size=SIZE)
    draw_faces(frame.picture, people(frame, (500, 300, 90, 90), answers=(long, YEARS)))
    style = Style(texts[0][3])
    lines: dict[int, list[tuple[str, int, int, int]]] = {}
    for each in texts:
        lines.setdefault(each[2], []).append(each)
    for line in lines.values():
        line.sort(key=lambda each: each[1])
        ends = [left + style.width(text) for text, left, *_ in line]
        assert all(end <= after[1] for end, after in zip(ends, line[1:], strict=False))
        assert ends[-1] <= SIZE[1]
    assert any(text.endswith("..") for text, *_ in texts)
    assert "50 %" in [text for text, *_ in texts]


def test_rows() -> None:
    yes, no = (Answer("Net", "smile", "argmax", text, {}, 0.8) for text in ("yes", "no"))
    assert short_rows([YEARS, GENDER, MARKS, yes]) == [("", "years 31, female, smile", "")]
    assert short_rows([no]) == [("", "no smile", "")]
    assert short_rows([MARKS]) == full_rows([MARKS]) == [("marks", "x 0.25, y 0.5", "")]
    other = Answer("Other", "gender", "argmax", "male", {}, 0.6)
    assert [row[0] for row in full_rows([GENDER, other])] == ["gender (FaceRes)", "gender (Other)"]
    assert full_rows([Answer("Net", "weight", "value", "70", value=70.0)]) == [("weight", "70", "")]


def test_a_face_without_answers() -> None:
    frame = frame_of(size=SIZE)
    assert draw_faces(frame.picture, people(frame, *THREE, answers=())).shape == (*SIZE, 3)


def test_labels_overlap_nothing() -> None:
    """Whatever the faces: labels lie in the picture, apart from one another, and leave faces free."""
    random = np.random.default_rng(5)
    placed = 0
    for _ in range(60):
        count = int(random.integers(1, 12))
        starts = random.integers(0, [1100, 600], (count, 2))
        boxes = np.hstack([starts, starts + random.integers(20, 180, (count, 2))])
        sizes = [(150, 60)] * count
        places = find_places(sizes, boxes, NOBODY, (1280, 720), 4, some=True)
        labels = [(x, y, x + 150, y + 60) for x, y in filter(None, places)]
        placed += len(labels)
        for number, (left, top, right, bottom) in enumerate(labels):
            assert left >= 0 and top >= 0 and right <= 1280 and bottom <= 720
            for l2, t2, r2, b2 in labels[:number]:
                assert max(left, l2) >= min(right, r2) or max(top, t2) >= min(bottom, b2)
            for l2, t2, r2, b2 in boxes:
                hidden = max(0, min(right, r2) - max(left, l2)) * max(0, min(bottom, b2) - max(top, t2))
                assert hidden <= OF_OWN * (r2 - l2) * (b2 - t2)
    assert placed > 200


def test_a_label_is_below_its_face_if_it_can_be() -> None:
    box = np.array([[100, 100, 200, 200]])
    assert find_places([(50, 20)], box, NOBODY, (400, 400), 4, some=False) == [(100, 204)]
    assert find_places([(50, 20)], box, NOBODY, (400, 210), 4, some=False) == [(100, 76)]
    taken = np.array([[90, 200, 400, 400], [90, 0, 400, 99]])
    assert find_places([(50, 20)], box, taken, (400, 400), 4, some=False) == [(204, 100)]
    assert find_places([(500, 20)], box, NOBODY, (400, 400), 4, some=False) == [None]


def test_a_stadium(texts: list[tuple[str, int, int, int]]) -> None:
    """So many faces are listed; in a video some of them have labels, and the search for room is not made for the others."""
    picture = frame_of(size=(600, 1000)).picture
    assert draw_faces(picture, crowd(12, 20)).shape[0] > 600
    assert sum(text.startswith("years 31.4") for text, *_ in texts) == 240
    texts.clear()
    assert draw_faces(picture, crowd(12, 20), listed=False).shape == picture.shape
    boxes = np.tile(np.array([[10, 10, 20, 20]]), (MOST + 20, 1)) + 30 * np.arange(MOST + 20)[:, None]
    places = find_places([(5, 5)] * len(boxes), boxes, NOBODY, (9999, 9999), 2, some=True)
    assert len(places) == MOST + 20 and places.count(None) == 20


def test_letters_are_whole() -> None:
    """The constant that sizes texts agrees with OpenCV's font."""
    sheet = np.zeros((100, 100), np.uint8)
    cv2.putText(sheet, "H", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 1)
    assert np.ptp(sheet.nonzero()[0]) == plates.CAPITAL
