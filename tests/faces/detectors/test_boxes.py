"""Overlaps of boxes, and which of them show the same face."""

from __future__ import annotations

import numpy as np
import pytest

from faces.detectors.boxes import areas, groups, overlaps

BOXES = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 5, 5], [20, 20, 30, 30], [7, 7, 7, 9]], np.float64)


def test_areas() -> None:
    assert areas(BOXES).tolist() == [100, 100, 25, 100, 0]
    assert areas(np.array([[5.0, 5, 0, 0]])).tolist() == [0]


def test_overlaps() -> None:
    assert overlaps(BOXES, BOXES[0]) == pytest.approx([1, 50 / 150, 0.25, 0, 0])
    assert overlaps(BOXES, BOXES[0], of_smaller=True) == pytest.approx([1, 0.5, 1, 0, 0])


def test_groups() -> None:
    scores = np.array([0.5, 0.9, 0.7, 0.8, 0.1])
    assert [rows.tolist() for rows in groups(BOXES, scores, 0.3)] == [[1, 0], [3], [2], [4]]
    assert [rows.tolist() for rows in groups(BOXES, scores, 0.6)] == [[1], [3], [2], [0], [4]]
    assert [rows.tolist() for rows in groups(BOXES, scores, 0.6, of_smaller=True)] == [[1], [3], [2, 0], [4]]
    assert groups(np.zeros((0, 4)), np.zeros(0), 0.5) == []
