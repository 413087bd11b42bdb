"""Boxes of detectors of the SSD fork (Liu et al. 2016): priors, differences from them, and suppression.

Boxes are xmin, ymin, xmax, ymax as shares of the picture, in the last axis of an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from common.cards.host import DetectionOutputStep, PriorBoxStep

Floats = NDArray[np.float32]
ROW = 7
_BLOCK = 1024
"""Boxes that are compared with one another at a time, so that memory is bounded."""
_LEAST_ADAPTIVE = 0.5


def prior_box(step: PriorBoxStep, _: Sequence[Floats]) -> Floats:
    """Return the boxes of all cells, row by row, and their variances: 1 x 2 x (4 for each box)."""
    (height, width), (down, across) = step.picture, step.steps
    y, x = ((np.arange(count, dtype=np.float32) + np.float32(step.offset)) for count in step.cells)
    middle = np.stack(np.meshgrid(x * np.float32(across), y * np.float32(down)), axis=-1)[:, :, None]
    half = np.array(step.sizes, np.float32).reshape(-1, 2) / 2
    boxes = np.concatenate([middle - half, middle + half], axis=-1) / np.array([width, height] * 2, np.float32)
    boxes = boxes.clip(0, 1) if step.clip else boxes
    variances = np.broadcast_to(np.array(step.variances, np.float32), boxes.shape)
    return np.stack([boxes.ravel(), variances.ravel()])[None].astype(np.float32)


def detection_output(step: DetectionOutputStep, inputs: Sequence[Floats]) -> Floats:
    """Return 1 x 1 x rows x 7: image id, label, score, xmin, ymin, xmax, ymax. Rows after the last box begin with -1."""
    locations, scores, priors = inputs
    batch = len(locations)
    boxes, variances = priors.reshape(-1, 2, priors.shape[-1] // 4, 1, 4)[0]
    located = locations.reshape(batch, len(boxes), -1, 4)
    decoded = decode(step.code, boxes, None if step.variance_encoded_in_target else variances, located)
    scores = scores.reshape(batch, len(boxes), step.classes)
    rows = np.concatenate([_rows(step, number, decoded[number], scores[number]) for number in range(batch)])
    return fixed_rows(rows, step.rows)


def fixed_rows(rows: Floats, count: int) -> Floats:
    """Return 1 x 1 x count x 7 from N x 7; rows after the last box begin with -1. Raises ValueError for more than `count`."""
    if len(rows) > count:
        raise ValueError(f"{len(rows)} boxes are kept, but the output has {count} rows")
    result = np.zeros((1, 1, count, ROW), np.float32)
    result[0, 0, len(rows) :, 0] = -1
    result[0, 0, : len(rows)] = rows
    return result


def decode(code: str, priors: Floats, variances: Floats | None, codes: Floats) -> Floats:
    """Return the boxes that `codes` mean at `priors`. `variances` None stands for 1."""
    codes = codes if variances is None else codes * variances
    if code == "CORNER":
        return np.asarray(priors + codes, np.float32)
    low, high = priors[..., :2], priors[..., 2:]
    size = high - low
    if code == "CORNER_SIZE":
        return np.asarray(priors + codes * np.concatenate([size, size], axis=-1), np.float32)
    middle = codes[..., :2] * size + (low + high) / 2
    with np.errstate(over="ignore"):
        half = np.exp(codes[..., 2:]) * size / 2
    return np.asarray(np.concatenate([middle - half, middle + half], axis=-1), np.float32)


def suppress(boxes: Floats, threshold: float, eta: float = 1.0) -> NDArray[np.intp]:
    """Return the rows of `boxes` (best first) that overlap no better one that is kept by more than `threshold`.

    With `eta` below 1, each box that is kept lowers the threshold, as long as it is above 0.5.
    """
    if eta < 1 and threshold > _LEAST_ADAPTIVE:
        return _suppress_adaptively(boxes, threshold, eta)
    kept = np.zeros(0, np.intp)
    for first in range(0, len(boxes), _BLOCK):
        block = boxes[first : first + _BLOCK]
        free = np.asarray(~(overlaps(boxes[kept], block) > threshold).any(axis=0))
        near = np.asarray(np.triu(overlaps(block, block) > threshold, 1))
        # Whether a box is kept depends on better ones alone. So this ends, with what a decision one by one gives.
        now, before = free, np.zeros(0, np.bool_)
        while not np.array_equal(now, before):
            now, before = free & ~(near & now.reshape(-1, 1)).any(axis=0), now
        kept = np.concatenate([kept, first + np.flatnonzero(now)])
    return kept


def _suppress_adaptively(boxes: Floats, threshold: float, eta: float) -> NDArray[np.intp]:
    """Keep one box after another until the threshold stays; the rest is decided together."""
    kept: list[int] = []
    # So much a box overlaps those that are kept.
    worst = np.zeros(len(boxes), np.float32)
    start = 0
    while threshold > _LEAST_ADAPTIVE and start < len(boxes):
        free = np.flatnonzero(worst[start:] <= threshold)
        if not free.size:
            return np.array(kept, np.intp)
        best = start + int(free[0])
        kept.append(best)
        worst = np.maximum(worst, overlaps(boxes[best : best + 1], boxes)[0])
        threshold *= eta
        start = best + 1
    left = start + np.flatnonzero(worst[start:] <= threshold)
    return np.concatenate([np.array(kept, np.intp), left[suppress(boxes[left], threshold)]])


def overlaps(some: Floats, others: Floats) -> Floats:
    """Return intersection over union of each of N boxes with each of M others, N x M; 0 for boxes that only touch."""
    # An axis at a time: numpy is slow along an axis of two numbers.
    across, down = (
        np.minimum(some[:, None, axis + 2], others[None, :, axis + 2])
        - np.maximum(some[:, None, axis], others[None, :, axis])
        for axis in (0, 1)
    )
    common = np.maximum(across, 0) * np.maximum(down, 0)
    together = _areas(some)[:, None] + _areas(others)[None] - common
    # Where nothing is shared, the areas may be 0.
    return np.asarray(common / np.where(common > 0, together, 1), np.float32)


def _areas(boxes: Floats) -> Floats:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(np.where((sides >= 0).all(axis=-1), sides.prod(axis=-1), 0), np.float32)


def _rows(step: DetectionOutputStep, number: int, boxes: Floats, scores: Floats) -> Floats:
    """Return the rows of one picture of a batch, from boxes (priors x classes or 1 x 4) and scores (priors x classes)."""
    found = [np.zeros((0, ROW), np.float32)]
    above = scores > (-np.inf if step.confidence_threshold is None else np.float32(step.confidence_threshold))
    for label in np.flatnonzero(above.any(axis=0)).tolist():
        if label == step.background:
            continue
        order = np.flatnonzero(above[:, label])
        order = order[np.argsort(-scores[order, label], kind="stable")]
        order = order if step.top_k < 0 else order[: step.top_k]
        own = boxes[order, 0 if step.share_location else label]
        kept = suppress(own, step.nms_threshold, step.eta)
        heads = np.full((len(kept), 2), (number, label), np.float32)
        found.append(np.hstack([heads, scores[order[kept], label, None], own[kept]]))
    rows = np.concatenate(found)
    if 0 <= step.keep_top_k < len(rows):
        best = np.argsort(-rows[:, 2], kind="stable")[: step.keep_top_k]
        rows = rows[best[np.argsort(rows[best, 1], kind="stable")]]
    return rows
