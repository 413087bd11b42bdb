"""A person keeps a number over the frames, and the answers about each are averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from faces.face import Face
from inference.analyzer import Analysis, AnalyzedFace
from inference.answer import Answer, averaged
from inference.tracker import FRAMES_KEPT, Tracker


def gender(male: float) -> Answer:
    best = "male" if male >= 0.5 else "female"
    shares = {"male": male, "female": 1 - male}
    return Answer("Net", "gender", "argmax", best, shares, probability=max(male, 1 - male))


def frame(*faces: tuple[float, float], answer: Answer | None = None) -> Analysis:
    """Faces of 40x40 at these places."""
    answers = (answer or gender(0.9),)
    return Analysis(300, 300, tuple(AnalyzedFace(answers, Face((x, y, 40, 40))) for x, y in faces))


def numbers(analysis: Analysis) -> list[int | None]:
    return [face.track for face in analysis.faces]


def test_people_keep_their_numbers_whatever_their_order() -> None:
    tracker = Tracker()
    assert numbers(tracker.update(frame((0, 0), (100, 100)))) == [1, 2]
    assert numbers(tracker.update(frame((104, 98), (5, 3)))) == [2, 1]
    assert numbers(tracker.update(frame((200, 0), (9, 6)))) == [3, 1]


def test_two_faces_never_get_one_number() -> None:
    tracker = Tracker()
    tracker.update(frame((0, 0)))
    # Both overlap with the first; the nearer one is the same person.
    assert numbers(tracker.update(frame((10, 0), (2, 0)))) == [2, 1]


@pytest.mark.parametrize(("absent", "number"), [(FRAMES_KEPT, 1), (FRAMES_KEPT + 1, 2)])
def test_who_was_away_for_long_gets_a_new_number(absent: int, number: int) -> None:
    tracker = Tracker()
    tracker.update(frame((0, 0)))
    for _ in range(absent):
        tracker.update(frame())
    assert numbers(tracker.update(frame((0, 0)))) == [number]


def test_one_wrong_frame_changes_no_answer() -> None:
    tracker = Tracker()
    shown = []
    for male in (0.9, 0.9, 0.2, 0.9):
        (face,) = tracker.update(frame((0, 0), answer=gender(male))).faces
        shown.append((face.answers[0].text, face.answers[0].probability))
    assert [text for text, _ in shown] == ["male"] * 4
    assert [share for _, share in shown] == pytest.approx([0.9, 0.9, 2 / 3, 0.725])


def test_a_lasting_change_is_taken_up() -> None:
    tracker = Tracker()
    for _ in range(50):
        tracker.update(frame((0, 0), answer=gender(0.9)))
    for _ in range(10):
        last = tracker.update(frame((0, 0), answer=gender(0.1)))
    assert last.faces[0].answers[0].text == "female"


def test_a_whole_picture_has_no_number() -> None:
    whole = Analysis(50, 50, (AnalyzedFace((gender(0.9),)),))
    assert Tracker().update(whole) == whole


def test_a_new_network_s_answer_begins() -> None:
    tracker = Tracker()
    tracker.update(frame((0, 0)))
    both = (gender(0.9), replace(gender(0.2), network="Other"))
    faces = (AnalyzedFace(both, Face((0, 0, 40, 40))),)
    (face,) = tracker.update(Analysis(300, 300, faces)).faces
    assert [answer.text for answer in face.answers] == ["male", "female"]


def years(*shares: float) -> Answer:
    return Answer("N", "years", "expected_value", "", dict(zip(("10", "20", "40"), shares, strict=True)))


def test_averages_of_every_kind_of_answer() -> None:
    year = averaged(years(1, 0, 0), years(0, 0, 1), 0.25)
    assert (year.value, year.text) == (pytest.approx(17.5), "17.5")
    assert year.standard_deviation == pytest.approx(np.sqrt(0.75 * 7.5**2 + 0.25 * 22.5**2))
    number = averaged(Answer("N", "t", "value", "1", value=1.0), Answer("N", "t", "value", "2", value=2.0), 0.5)
    assert (number.value, number.text) == (1.5, "1.5")
    named = [Answer("N", "t", "values", "", values={"a": float(n), "b": 0.0}) for n in (0, 4)]
    assert averaged(*named, 0.5).values == {"a": 2.0, "b": 0.0}
    assert averaged(*named, 0.5).text == "a 2, b 0"
    raw = [Answer("N", "t", "raw", str(n), array=np.full(3, n, np.float32)) for n in range(2)]
    assert averaged(*raw, 0.5) is raw[1]
