"""Files of landmarks, in the form of FG-NET's points/."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.errors import LandmarkError
from faces.landmarks import read_face
from kits.faces import points_of_face, points_text


def test_eyes_and_box(tmp_path: Path) -> None:
    file = tmp_path / "001a02.pts"
    text = points_text(points_of_face((40, 50), (80.5, 52)))
    # As in the real files: Windows' ends of lines.
    file.write_bytes(text.replace("\n", "\r\n").encode())
    face = read_face(file)
    assert face.landmarks
    assert face.landmarks[:2] == ((40, 50), (80.5, 52))
    assert face.box == pytest.approx((19.75, 9.5, 81, 123.5))


POINTS = points_of_face((40, 50), (80, 50))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'has another form. Expected "version: 1"'),
        ("version: 1\nn_points: 68\n{\n1 2\n", "has another form"),
        (points_text(POINTS[:-1]), "holds 67 points and says n_points: 67. Expected 68"),
        (points_text(POINTS).replace("n_points: 68", "n_points: 70"), "holds 68 points and says n_points: 70"),
        (points_text(POINTS).replace("40 50", "40"), "line 35: found '40', expected two numbers: x y"),
        (points_text(POINTS).replace("40 50", "40 nan"), "line 35: found '40 nan', expected finite numbers"),
        (points_text(POINTS).replace("40 50", "40 fifty"), "line 35: found '40 fifty'"),
        (points_text([(1, 1)] * 68), "all points are in one place"),
        ("\x80", "is no text"),
    ],
)
def test_a_damaged_file(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "x.pts"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(LandmarkError) as error:
        read_face(file)
    assert str(file) in str(error.value) and words in str(error.value)


@given(
    st.lists(
        st.sampled_from(
            ["version: 1", "\n", "n_points:", "68", "9" * 5000, "{", "}", "1 2", "-1e400", "nan", "\r", " "]
        )
    )
)
def test_hostile_files(tmp_path_factory: pytest.TempPathFactory, words: list[str]) -> None:
    file = tmp_path_factory.getbasetemp() / "hostile.pts"
    file.write_text("".join(words))
    with pytest.raises(LandmarkError):
        read_face(file)


def test_a_count_of_many_digits(tmp_path: Path) -> None:
    """Python refuses to read more than 4,300 digits."""
    file = tmp_path / "x.pts"
    file.write_text(points_text(POINTS).replace("n_points: 68", "n_points: " + "6" * 5000))
    with pytest.raises(LandmarkError, match="has another form"):
        read_face(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LandmarkError, match=r"none\.pts: cannot be read"):
        read_face(tmp_path / "none.pts")
