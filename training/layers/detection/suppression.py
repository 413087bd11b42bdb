"""Non-maximum suppression: of boxes that overlap, keep the one with the highest score."""

from __future__ import annotations

import torch
from torch import Tensor

from .coding import overlaps

# Boxes that are compared with each other at once. The memory for it is some 20 bytes times its square.
_BLOCK = 1024
# Above this an eta below 1 lowers the threshold.
_LOWEST_ADAPTIVE = 0.5


def best_first(scores: Tensor, least: float, most: int) -> Tensor:
    """Return the indices of the scores above `least`, the highest first, equal ones in their order; at most `most` (-1: all)."""
    (candidates,) = (scores > least).nonzero(as_tuple=True)
    order = candidates[scores[candidates].argsort(descending=True, stable=True)]
    return order[:most] if most > -1 else order


def kept_boxes(boxes: Tensor, threshold: float, eta: float) -> Tensor:
    """Return which of `boxes` (N x 4, the best first) overlap no better kept box by more than `threshold`, as a mask.

    With `eta` below 1, each kept box multiplies the threshold by it, as long as it is above 0.5 (the SSD fork's adaptive
    suppression).
    """
    thresholds = _thresholds(threshold, eta, len(boxes)).to(boxes.device)
    kept = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    for begin in range(0, len(boxes), _BLOCK):
        block = boxes[begin : begin + _BLOCK]
        earlier = boxes[:begin][kept[:begin]]
        worst = torch.zeros(len(block), device=boxes.device)
        for start in range(0, len(earlier), _BLOCK):
            worst = torch.maximum(worst, overlaps(earlier[start : start + _BLOCK], block).amax(0))
        kept[begin : begin + _BLOCK] = _kept_in_block(block, worst, thresholds, len(earlier))
    return kept


def _kept_in_block(block: Tensor, worst: Tensor, thresholds: Tensor, before: int) -> Tensor:
    """Decide about one block, whose boxes overlap the kept ones `before` it by at most `worst`.

    Whether a box is kept depends only on better ones. So repeating the decision for all boxes at once, from any start,
    arrives at what deciding one by one gives, after as many rounds as boxes hang on each other in a chain.
    """
    # Only better boxes count.
    common = overlaps(block, block).triu_(1)
    kept = torch.ones(len(block), dtype=torch.bool, device=block.device)
    while True:
        count = before + kept.cumsum(0) - kept.long()
        limit = thresholds[count.clamp(max=len(thresholds) - 1)]
        now = torch.maximum((common * kept[:, None]).amax(0), worst) <= limit
        if torch.equal(now, kept):
            return kept
        kept = now


def _thresholds(threshold: float, eta: float, most: int) -> Tensor:
    """Return the thresholds after 0, 1, 2 ... kept boxes, up to `most`; the last one stays."""
    values = [threshold]
    while eta < 1 and values[-1] > _LOWEST_ADAPTIVE and len(values) <= most:
        values.append(values[-1] * eta)
    return torch.tensor(values, dtype=torch.float32)
