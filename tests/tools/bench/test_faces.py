"""The figures of the face detectors, from made-up faces."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import UsageError
from faces.face import Face, Landmarks
from kits.faces import Told
from tools.bench.faces import as_line, eye_error, eyes_of, is_hit, main, measure

TRUTH = Landmarks((40, 50), (60, 50))


def test_eyes_of_a_box_are_where_cut_faces_have_them() -> None:
    assert eyes_of(Face((0, 0, 100, 200))) == (pytest.approx((30, 75)), pytest.approx((70, 75)))
    assert eyes_of(Face((0, 0, 100, 200), 1, TRUTH)) == TRUTH[:2]


def test_the_error_is_a_share_of_the_distance_of_the_eyes() -> None:
    assert eye_error(((40, 50), (60, 50)), TRUTH) == 0
    assert eye_error(((43, 54), (60, 55)), TRUTH) == pytest.approx(5 / 20)


@pytest.mark.parametrize(
    ("box", "hit"),
    [((30, 30, 40, 40), True), ((45, 30, 40, 40), False), ((39, 45, 22, 10), False), ((0, 0, 120, 120), False)],
)
def test_hits(box: tuple[float, float, float, float], hit: bool) -> None:
    assert is_hit(Face(box), TRUTH) is hit


def test_a_row() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    faces = [Face((30, 30, 40, 40), 1, Landmarks((41, 50), (61, 50))), Face((0, 0, 10, 10))]
    figures = measure(Told(faces).detect, [(picture, TRUTH), (picture, TRUTH)])
    row = as_line("told", "SET", figures).split(" | ")
    assert row[:8] == ["| SET", "told", "2 of 2 (100.0 %)", "2", "2 (100.0 %)", "0.050", "0.050", "100.0 %"]
    figures = measure(Told([]).detect, [(picture, None)])
    assert as_line("told", "SET", figures).startswith("| SET | told | 0 of 1 (0.0 %) | 0 |  |  |  |  | ")


def test_nothing_to_measure() -> None:
    with pytest.raises(UsageError, match=r"nothing to measure\. Give --fgnet or --genki"):
        main([])
