"""Stages of detectors, against formulas of their papers, number by number."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from kits.written_blobs import NOTHING, Given, Made, half, run_stage

REGION, REORG, ROI, PSROI, PROPOSAL, DETECTION = 29, 30, 65, 66, 64, 37
ROIS = np.array([[0, 2, 3, 30, 35], [0, 0, 0, 20, 21], [0, 10, 4, 31, 39], [0, 8, 8, 8, 8]], np.float16)


def test_maxima_of_regions(tmp_path: Path) -> None:
    """Fast R-CNN: corners are rounded to pixels of the map, both included, and parts may share pixels."""
    x = half(1, 6, 10, 8)
    expected = np.zeros((4, 6, 3, 4), np.float16)
    for number, (_, left, top, right, bottom) in enumerate(ROIS.tolist()):
        x0, y0, x1, y1 = (int(np.floor(side * 0.25 + 0.5)) for side in (left, top, right, bottom))
        wide, high = max(x1 - x0 + 1, 1) / 4, max(y1 - y0 + 1, 1) / 3
        for row, column in np.ndindex(3, 4):
            rows = slice(int(np.floor(row * high)) + y0, int(np.ceil((row + 1) * high)) + y0)
            columns = slice(int(np.floor(column * wide)) + x0, int(np.ceil((column + 1) * wide)) + x0)
            part = x[0, :, rows, columns]
            expected[number, :, row, column] = part.max(axis=(1, 2)) if part.size else 0
    data = [Given(x), Made((4, 6, 3, 4)), Given(ROIS)]
    (found,) = run_stage(tmp_path, ROI, struct.pack("<2IfI", 4, 3, 0.25, 0), data)
    np.testing.assert_array_equal(found, expected)


def test_averages_of_regions_at_their_place(tmp_path: Path) -> None:
    """R-FCN: a region ends after its last pixel; part i, j averages channel c * 9 + i * 3 + j."""
    x = half(1, 18, 10, 8)
    expected = np.zeros((4, 2, 3, 3), np.float32)
    for number, (_, left, top, right, bottom) in enumerate(ROIS.tolist()):
        x0, y0, x1, y1 = round(left) / 4, round(top) / 4, (round(right) + 1) / 4, (round(bottom) + 1) / 4
        wide, high = max(x1 - x0, 0.1) / 3, max(y1 - y0, 0.1) / 3
        for row, column in np.ndindex(3, 3):
            rows = slice(int(np.floor(row * high + y0)), int(np.ceil((row + 1) * high + y0)))
            columns = slice(int(np.floor(column * wide + x0)), int(np.ceil((column + 1) * wide + x0)))
            part = x[0, [row * 3 + column, 9 + row * 3 + column], rows, columns].astype(np.float32)
            expected[number, :, row, column] = part.mean(axis=(1, 2)) if part.size else 0
    data = [Given(x), Made((4, 2, 3, 3)), Given(ROIS)]
    (found,) = run_stage(tmp_path, PSROI, struct.pack("<2If", 3, 2, 0.25), data)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_yolo_brings_its_numbers_to_shares(tmp_path: Path) -> None:
    x = half(1, 2 * 8, 3, 4)
    parts = torch.from_numpy(x.astype(np.float32)).reshape(2, 8, 12).clone()
    for softmax in (1, 0):
        expected = parts.clone()
        expected[:, [0, 1, 4]] = parts[:, [0, 1, 4]].sigmoid()
        expected[:, 5:] = parts[:, 5:].softmax(1) if softmax else parts[:, 5:].sigmoid()
        (found,) = run_stage(
            tmp_path, REGION, struct.pack("<5i", 3, 4, 2, 2, softmax), [Given(x), Made((1, 2 * 8 * 12))]
        )
        np.testing.assert_allclose(found.ravel(), expected.ravel(), rtol=0, atol=1e-6)


def test_darknets_order_of_pixels(tmp_path: Path) -> None:
    x = half(1, 8, 6, 4)
    _, c, h, w = x.shape
    few, s = c // 4, 2
    expected = np.empty(x.size, np.float16)
    for number, (k, j, i) in enumerate(np.ndindex(c, h, w)):
        place = i * s + k // few % s + w * s * (j * s + k // few // s + h * s * (k % few))
        expected[number] = x.ravel()[place]
    (found,) = run_stage(tmp_path, REORG, struct.pack("<i", s), [Given(x), Made((1, 32, 3, 2))])
    np.testing.assert_array_equal(found.ravel(), expected)


def test_proposals(tmp_path: Path) -> None:
    """One anchor of 16 x 16 pixels in each of 3 x 4 cells, 8 pixels apart; two cells are sure, and one of them moves."""
    scores, moves = np.zeros((1, 2, 3, 4), np.float16), np.zeros((1, 4, 3, 4), np.float16)
    scores[0, 1, 1, 2], scores[0, 1, 1, 1], scores[0, 1, 2, 0] = 0.875, 0.75, 0.5
    moves[0, 0, 2, 0] = 0.5
    info = np.array([[64, 64, 1]], np.float16)
    counts = struct.pack("<5I5f7I", 8, 16, 4, 12, 3, 0.3, 0.1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0)
    parameters = counts + struct.pack("<IfIf", 1, 1.0, 1, 1.0)
    data = [Given(scores), Made((3, 5)), NOTHING, Given(moves), Given(info), NOTHING]
    (found,) = run_stage(tmp_path, PROPOSAL, parameters, data)
    # An anchor is 0 to 15 at the first cell; the second one overlaps the best by a third, and is dropped.
    np.testing.assert_allclose(found[0], [0, 16, 8, 32, 24])
    np.testing.assert_allclose(found[1], [0, 8, 16, 24, 32])


def test_detections(tmp_path: Path) -> None:
    """The boxes are the priors themselves. Of those above the threshold, one that overlaps a better one is dropped."""
    random = np.random.default_rng(3)
    corner = random.uniform(0, 0.7, (20, 2))
    priors = np.concatenate([corner, corner + random.uniform(0.1, 0.3, (20, 2))], 1).astype(np.float16)
    scores = (random.permutation(20) / 20).astype(np.float16)
    both = np.stack([priors.ravel(), np.full(80, 0.1, np.float16)])[None]
    parameters = struct.pack("<3if3if9ifi", 2, 1, 0, 0.3, 100, 1, 20, 0.25, 0, 20, 0, 0, 0, 1, 1, 1, 1, 0, 0)
    of_classes = np.stack([1 - scores, scores], 1).reshape(1, 40)
    data = [Given(np.zeros((1, 80), np.float16)), Given(of_classes), Given(both), Made((1, 1, 20, 7)), NOTHING]
    (found,) = run_stage(tmp_path, DETECTION, parameters, data)
    kept: list[int] = []
    for number in np.argsort(-scores):
        if scores[number] > 0.25 and all(_overlap(priors[number], priors[other]) <= 0.3 for other in kept):
            kept.append(int(number))
    rows, count = found[0, 0], len(kept)
    assert 3 < count < (scores > 0.25).sum()
    np.testing.assert_array_equal(rows[:count, :2], [[0, 1]] * count)
    np.testing.assert_allclose(rows[:count, 2], scores[kept])
    np.testing.assert_allclose(rows[:count, 3:], priors[kept], atol=1e-6)
    assert rows[count, 0] == -1
    assert not rows[count + 1 :].any()


def _overlap(one: NDArray[np.float16], other: NDArray[np.float16]) -> float:
    a, b = one.astype(float), other.astype(float)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(sides.clip(0))
    return float(common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common))
