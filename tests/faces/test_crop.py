"""Cutting a face out of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import UsageError
from faces.crop import centre, crop


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        (None, 0.0, (0, 100, 0, 80)),
        (None, 0.4, (0, 100, 0, 80)),  # a whole picture has nothing around it
        (None, -0.25, (25, 75, 20, 60)),
        ((20, 30, 40, 50), 0.0, (30, 80, 20, 60)),
        ((20, 30, 40, 50), 0.2, (20, 90, 12, 68)),
        ((20, 30, 40, 50), 2.0, (0, 100, 0, 80)),
        ((-10, -10, 30, 30), 0.0, (0, 20, 0, 20)),
    ],
)
def test_crop(box: tuple[int, int, int, int] | None, margin: float, expected: tuple[int, int, int, int]) -> None:
    picture = np.arange(100 * 80 * 3, dtype=np.int64).reshape(100, 80, 3).astype(np.uint8)
    top, bottom, left, right = expected
    assert np.array_equal(crop(picture, box, margin), picture[top:bottom, left:right])


@pytest.mark.parametrize("box", [(100, 0, 10, 10), (0, 0, 0, 5), (0, -20, 5, 10)])
def test_a_box_outside(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="holds no pixel of the picture, which is 48x60"):
        crop(np.zeros((60, 48, 3), np.uint8), box, 0.0)


def test_the_smaller_half_of_an_odd_rest_is_above_and_to_the_left() -> None:
    picture = np.arange(9 * 8 * 3, dtype=np.uint8).reshape(9, 8, 3)
    assert np.array_equal(centre(picture, 4, 6), picture[2:6, 1:7])
    assert np.array_equal(centre(picture, 9, 8), picture)
