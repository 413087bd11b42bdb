"""Cutting faces out: where the eyes go, what the pixels are, what lies outside."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UsageError
from faces.align import EYE_DISTANCE, EYE_LEVEL, cut, square_of, transform
from faces.face import Face, Landmarks


def eyes_at(size: int, margin: float) -> list[tuple[float, float]]:
    """Where the docstring of faces/align.py says that the eyes are, in pixels of the cut."""
    whole = 1 + 2 * margin
    y = (0.375 + margin) / whole * size
    return [((0.3 + margin) / whole * size, y), ((0.7 + margin) / whole * size, y)]


def face_with_eyes(x: float, y: float, distance: float, angle: float) -> Face:
    """A face whose eyes have their middle at x, y, `angle` radians clockwise."""
    dx, dy = math.cos(angle) * distance / 2, math.sin(angle) * distance / 2
    box = (x - distance, y - distance, 2 * distance, 2.5 * distance)
    return Face(box, 1.0, Landmarks((x - dx, y - dy), (x + dx, y + dy)))


@given(
    x=st.floats(-50, 500),
    y=st.floats(-50, 500),
    distance=st.floats(4, 300),
    angle=st.floats(-math.pi, math.pi),
    size=st.integers(16, 512),
    margin=st.floats(-0.2, 1),
)
def test_eyes_are_level_and_at_their_places(
    x: float, y: float, distance: float, angle: float, size: int, margin: float
) -> None:
    face = face_with_eyes(x, y, distance, angle)
    assert face.landmarks
    matrix = transform(face, size, margin)
    for eye, place in zip(face.landmarks[:2], eyes_at(size, margin), strict=True):
        assert matrix @ [*eye, 1] == pytest.approx(place, abs=1e-6 * size + 1e-6)
    # A similarity: the same scale in all directions, and not mirrored.
    turn = matrix[:, :2]
    assert np.allclose(turn @ turn.T, np.linalg.det(turn) * np.eye(2))
    assert np.linalg.det(turn) > 0


@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_another_eye_level_moves_the_square_and_nothing_else(margin: float) -> None:
    """As far for a box without landmarks as for eyes."""
    eyes = face_with_eyes(120, 90, 40, 0.3)
    for face in (eyes, eyes._replace(landmarks=None)):
        usual, higher = transform(face, 64, margin), transform(face, 64, margin, 0.29)
        assert np.allclose(higher - usual, [[0, 0, 0], [0, 0, -0.085 / (1 + 2 * margin) * 64]])


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, 3.0])
@pytest.mark.parametrize(("distance", "size"), [(80, 64), (80, 200), (300, 64), (40, 96)])
@pytest.mark.parametrize("margin", [0.0, 0.3, -0.1])
def test_drawn_eyes_are_found_where_they_should_be(angle: float, distance: float, size: int, margin: float) -> None:
    """In the pixels, to half a pixel: two discs are drawn, and their centres are looked for in the cut."""
    face = face_with_eyes(420.3, 390.8, distance, angle)
    assert face.landmarks
    picture = np.zeros((900, 1000, 3), np.uint8)
    for number, (x, y) in enumerate(face.landmarks[:2]):
        # Drawn in 1/16 pixel, and OpenCV counts from the centre of the first pixel.
        centre = (round((x - 0.5) * 16), round((y - 0.5) * 16))
        cv2.circle(
            picture, centre, round(distance / 10 * 16), (0, 255 * number, 255 - 255 * number), -1, cv2.LINE_AA, 4
        )
    result = cut(picture, face, size, margin).astype(float)
    assert result.shape == (size, size, 3)
    places = np.arange(size) + 0.5
    for channel, expected in zip((2, 1), eyes_at(size, margin), strict=True):
        weight = result[..., channel].sum()
        assert weight > 0
        found = (result[..., channel].sum(0) @ places / weight, result[..., channel].sum(1) @ places / weight)
        assert found == pytest.approx(expected, abs=0.5)


def test_without_landmarks_the_box_is_taken_as_it_is() -> None:
    """A square of the size of the cut is copied, pixel by pixel."""
    picture = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    assert np.array_equal(cut(picture, Face((30, 20, 32, 32)), 32, 0), picture[20:52, 30:62])
    assert np.array_equal(cut(picture[..., 0], Face((30, 20, 32, 32)), 32, 0), picture[20:52, 30:62, 0])
    # A margin of a quarter on each side.
    assert np.array_equal(cut(picture, Face((30, 20, 16, 16)), 24, 0.25), picture[16:40, 26:50])


def test_a_box_that_is_not_square_is_widened() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    assert np.array_equal(cut(picture, Face((30, 20, 12, 32)), 32, 0), picture[20:52, 20:52])


def test_outside_the_picture_its_border_is_repeated() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    padded = np.pad(picture, ((8, 8), (8, 8), (0, 0)), mode="edge")
    assert np.array_equal(cut(picture, Face((-8, -8, 24, 24)), 24, 0), padded[:24, :24])
    assert np.array_equal(cut(picture, Face((24, 24, 24, 24)), 24, 0), padded[32:, 32:])


@pytest.mark.parametrize("times", [2, 5, 16])
def test_a_smaller_cut_averages_and_does_not_skip_pixels(times: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (8 * times, 8 * times, 3), np.uint8)
    expected = picture.reshape(8, times, 8, times, 3).mean(axis=(1, 3))
    side = 8.0 * times
    assert np.abs(cut(picture, Face((0, 0, side, side)), 8, 0) - expected).max() <= 1


def test_a_profile_is_not_reduced_to_its_eyes() -> None:
    """Eyes that are close together for the box: the square stays at 0.7 of it, and their middle at its place."""
    face = Face((100, 100, 100, 120), 1.0, Landmarks((148, 150), (152, 150)))
    assert square_of(face).side == pytest.approx(0.7 * 120)
    assert transform(face, 50, 0) @ [150, 150, 1] == pytest.approx([25, EYE_LEVEL * 50])
    wide = Face((100, 100, 100, 120), 1.0, Landmarks((130, 150), (170, 150)))
    assert square_of(wide).side == pytest.approx(40 / EYE_DISTANCE)


def test_both_eyes_in_one_place() -> None:
    face = Face((10, 10, 20, 20), 1.0, Landmarks((20, 18), (20, 18)))
    assert np.isfinite(transform(face, 32, 0.1)).all()


@pytest.mark.parametrize(
    ("box", "size", "margin", "words"),
    [
        ((0, 0, 0, 5), 16, 0, "is empty"),
        ((0, 0, 5, -5), 16, 0, "is empty"),
        ((0, 0, math.inf, 5), 16, 0, "is empty"),
        ((0, 0, math.nan, 5), 16, 0, "is empty"),
        ((0, 0, 5, 5), 0, 0, "size 0: expected 1 to 4096 pixels"),
        ((0, 0, 5, 5), 5000, 0, "size 5000"),
        ((0, 0, 5, 5), 16, -0.5, "margin -0.5: expected more than -0.5"),
        ((0, 0, 5, 5), 16, math.nan, "margin nan"),
    ],
)
def test_what_cannot_be_cut(box: tuple[float, float, float, float], size: int, margin: float, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cut(np.zeros((20, 20, 3), np.uint8), Face(box), size, margin)
