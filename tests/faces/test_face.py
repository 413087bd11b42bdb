"""The face of a picture, among several."""

from __future__ import annotations

import pytest

from faces.face import Face, face_at, main_face, overlap


def test_the_largest_face_is_taken() -> None:
    faces = [Face((10, 10, 20, 20)), Face((40, 20, 50, 50)), Face((70, 70, 30, 30))]
    assert main_face(faces, 100, 100) is faces[1]


def test_of_equal_faces_the_one_near_the_middle_is_taken() -> None:
    faces = [Face((0, 0, 30, 30), 9.0), Face((35, 35, 30, 30), 1.0)]
    assert main_face(faces, 100, 100) is faces[1]


def test_of_faces_that_weigh_the_same_the_first_is_taken() -> None:
    faces = [Face((10, 40, 20, 20)), Face((70, 40, 20, 20))]
    assert main_face(faces, 100, 100) is faces[0]


def test_the_box_in_whole_pixels() -> None:
    assert Face((1.6, -2.4, 10.5, 0.2)).rounded_box() == (2, -2, 10, 1)


def test_the_face_at_a_place_is_the_one_that_agrees_best() -> None:
    faces = [Face((0, 0, 40, 40)), Face((10, 10, 20, 20)), Face((60, 60, 20, 20))]
    assert face_at(faces, (11, 11, 20, 20)) is faces[1]
    assert face_at(faces, (2, 0, 40, 38)) is faces[0]
    # It covers a corner of the first, whose middle is elsewhere.
    assert face_at(faces, (30, 30, 20, 20)) is None
    assert face_at([], (0, 0, 9, 9)) is None


def test_overlap() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (20, 20, 10, 10)) == 0
