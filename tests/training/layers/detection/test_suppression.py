"""Non-maximum suppression against a plain loop over boxes, written from its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.layers.detection import suppression
from training.layers.detection.coding import overlaps
from training.layers.detection.suppression import best_first, kept_boxes


def one_by_one(boxes: np.ndarray, threshold: float, eta: float) -> list[int]:
    kept: list[int] = []
    limit = np.float32(threshold)
    for index, box in enumerate(boxes):
        worst = 0.0
        for other in boxes[kept]:
            width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
            if width > 0 and height > 0:
                common = width * height
                both = np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2])
                worst = max(worst, common / (both - common))
        if worst <= limit:
            kept.append(index)
            if eta < 1 and limit > 0.5:
                limit = np.float32(limit * np.float32(eta))
    return kept


def random_boxes(count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    low = random.random((count, 2)) * spread
    return np.concatenate([low, low + random.random((count, 2)) * 0.4 + 0.01], 1).astype(np.float32)


@pytest.mark.parametrize("seed", range(30))
def test_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    # Small blocks, so that most cases need several.
    monkeypatch.setattr(suppression, "_BLOCK", int(random.integers(1, 60)))
    boxes = random_boxes(int(random.integers(0, 150)), seed, spread=float(random.choice([0.1, 1, 3])))
    threshold, eta = float(random.choice([0, 0.2, 0.45, 0.7, 0.95, 1])), float(random.choice([1, 0.9, 0.5]))
    kept = kept_boxes(torch.from_numpy(boxes), threshold, eta)
    assert kept.nonzero().ravel().tolist() == one_by_one(boxes, threshold, eta)


def test_a_long_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each box overlaps only its neighbours, so that every second one stays."""
    monkeypatch.setattr(suppression, "_BLOCK", 200)
    left = np.arange(500, dtype=np.float32)
    boxes = np.stack([left, 0 * left, left + 1.5, 0 * left + 1], 1)
    kept = kept_boxes(torch.from_numpy(boxes), 0.1, 1.0)
    assert kept.nonzero().ravel().tolist() == list(range(0, 500, 2))


def test_boxes_without_area() -> None:
    boxes = torch.tensor([[0.0, 0, 1, 1], [0.5, 0.5, 0.5, 0.9], [0.9, 0.9, 0.1, 0.1], [0, 0, 1, 1], [1, 0, 2, 1]])
    assert overlaps(boxes, boxes)[0].tolist() == [1, 0, 0, 1, 0]
    assert kept_boxes(boxes, 0.3, 1.0).tolist() == [True, True, True, False, True]


def test_best_first() -> None:
    scores = torch.tensor([0.1, 0.9, float("nan"), 0.5, 0.9, 0.2])
    assert best_first(scores, 0.1, -1).tolist() == [1, 4, 3, 5]
    assert best_first(scores, 0.1, 2).tolist() == [1, 4]
    assert best_first(scores, -3e38, 0).tolist() == []
