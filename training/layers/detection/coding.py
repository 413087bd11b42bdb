"""How boxes are written as differences from priors, and how much two boxes overlap.

Boxes are xmin, ymin, xmax, ymax as fractions of the picture, in the last axis of a tensor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import PriorBoxParameter


def decode(
    code: PriorBoxParameter.CodeType.ValueType, priors: Tensor, variances: Tensor | None, codes: Tensor
) -> Tensor:
    """Return the boxes that `codes` (... x 4) mean at `priors` (... x 4); `variances` None stands for 1.

    CORNER adds to each corner, CORNER_SIZE does so in units of the prior's size. CENTER_SIZE moves the centre in these
    units, and multiplies width and height by the exponential (Girshick et al. 2014).
    """
    if variances is not None:
        codes = codes * variances
    if code == PriorBoxParameter.CORNER:
        return priors + codes
    low, high = priors[..., :2], priors[..., 2:]
    size = high - low
    if code == PriorBoxParameter.CORNER_SIZE:
        return priors + codes * torch.cat([size, size], -1)
    centre = codes[..., :2] * size + (low + high) / 2
    half = codes[..., 2:].exp() * size / 2
    return torch.cat([centre - half, centre + half], -1)


def encode(
    code: PriorBoxParameter.CodeType.ValueType, priors: Tensor, variances: Tensor | None, boxes: Tensor
) -> Tensor:
    """Return the codes of which `decode` makes `boxes` (... x 4)."""
    low, high = priors[..., :2], priors[..., 2:]
    size = high - low
    if code == PriorBoxParameter.CORNER:
        codes = boxes - priors
    elif code == PriorBoxParameter.CORNER_SIZE:
        codes = (boxes - priors) / torch.cat([size, size], -1)
    else:
        sides = boxes[..., 2:] - boxes[..., :2]
        moved = (boxes[..., :2] + boxes[..., 2:] - low - high) / 2
        codes = torch.cat([moved / size, (sides / size).log()], -1)
    return codes if variances is None else codes / variances


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Return intersection over union of each of N boxes with each of M others (Jaccard 1912), N x M.

    It is 0 where two boxes only touch, and a box whose corners are in the wrong order has no area.
    """
    left, top, right, bottom = (side[:, None] for side in boxes.unbind(-1))
    other_left, other_top, other_right, other_bottom = others.unbind(-1)
    width = torch.minimum(right, other_right).sub_(torch.maximum(left, other_left)).clamp_(min=0)
    height = torch.minimum(bottom, other_bottom).sub_(torch.maximum(top, other_top)).clamp_(min=0)
    common = width.mul_(height)
    union = (areas(boxes)[:, None] + areas(others)).sub_(common)
    return (common / union).where(common > 0, 0)


def areas(boxes: Tensor) -> Tensor:
    """Return the area of each box; 0 if its corners are in the wrong order."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return torch.where((sides >= 0).all(-1), sides.prod(-1), 0)
