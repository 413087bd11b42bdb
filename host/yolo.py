"""Boxes of YOLO nets (Redmon and Farhadi 2017 and 2018), from their last maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .boxes import Floats, fixed_rows, suppress

if TYPE_CHECKING:
    from common.cards.host import YoloOutputStep

# x, y, width, height and whether there is a thing at all.
_BEFORE_CLASSES = 5


def yolo_output(step: YoloOutputStep, inputs: Sequence[Floats]) -> Floats:
    """Return 1 x 1 x rows x 7: 0, label from 1 on, score, xmin, ymin, xmax, ymax, the best first.

    An input is 1 x (boxes x (5 + classes)) x H x W. With "softmax", a box has its best class alone; with "sigmoid", all whose
    scores are above the threshold. Rows after the last one begin with -1.
    """
    parts = [_candidates(step, maps, anchors) for maps, anchors in zip(inputs, step.anchors, strict=True)]
    rows = np.concatenate(parts)
    rows = rows[np.argsort(-rows[:, 2], kind="stable")]
    rows = rows[suppress(rows[:, 3:], step.nms_threshold)]
    return fixed_rows(rows, step.rows)


def _candidates(step: YoloOutputStep, maps: Floats, anchors: Sequence[Sequence[float]]) -> Floats:
    """Return the rows of one map whose scores are above the threshold, cell by cell, box by box and class by class."""
    boxes, (height, width) = len(anchors), maps.shape[2:]
    raw = maps.reshape(boxes, _BEFORE_CLASSES + step.classes, height, width).transpose(2, 3, 0, 1)
    y, x = np.mgrid[:height, :width].astype(np.float32)[..., None]
    centre = (np.stack([x, y], -1) + _sigmoid(raw[..., :2])) / np.array([width, height], np.float32)
    with np.errstate(over="ignore"):
        half = np.exp(raw[..., 2:4]) * np.array(anchors, np.float32) / 2
    corners = np.concatenate([centre - half, centre + half], -1).reshape(-1, 4)
    flat = raw.reshape(len(corners), -1)
    scores = _class_scores(step, flat[:, _BEFORE_CLASSES:]) * _sigmoid(flat[:, 4:5])
    number, label = np.nonzero(scores > np.float32(step.confidence_threshold))
    heads = np.stack([np.zeros(len(label)), label + 1, scores[number, label]], 1)
    return np.hstack([heads, corners[number]]).astype(np.float32)


def _class_scores(step: YoloOutputStep, raw: Floats) -> Floats:
    """Return boxes x classes; with "softmax" all but the best are 0 or less, so that none counts."""
    if step.scores == "sigmoid":
        return _sigmoid(raw)
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    best = np.zeros_like(shares, np.bool_)
    best[np.arange(len(raw)), shares.argmax(axis=1)] = True
    return np.asarray(np.where(best, shares, -np.inf), np.float32)


def _sigmoid(numbers: Floats) -> Floats:
    # Written so that no number is too large for it.
    return np.asarray(0.5 * np.tanh(0.5 * numbers) + 0.5, np.float32)
