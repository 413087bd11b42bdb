"""The boxes that a Proposal layer starts from, which depend on the prototxt alone."""

from __future__ import annotations

import math

import numpy as np

from ..blobs import Array
from ..caffe_pb2 import ProposalParameter

_LEAST = 1e-4
_MOST = 1e4


def anchors(param: ProposalParameter) -> Array:
    """Return the anchors of the first cell, A x 4: xmin, ymin, xmax and ymax in pixels, both ends included.

    Ratios (height over width) come first, then scales. Width and height are rounded for each ratio, half up, before they are
    scaled (Ren et al. 2015, py-faster-rcnn).
    """
    area, centre = param.base_size**2, (param.base_size - 1) / 2
    boxes = []
    for ratio in param.ratio:
        width = math.floor(math.sqrt(area / ratio) + 0.5)
        height = math.floor(width * ratio + 0.5)
        for scale in param.scale:
            half_width, half_height = (width * scale - 1) / 2, (height * scale - 1) / 2
            boxes.append([centre - half_width, centre - half_height, centre + half_width, centre + half_height])
    return np.array(boxes, np.float32).reshape(-1, 4)


def proposal_problem(param: ProposalParameter) -> str:
    """Say what is wrong with the settings of a Proposal layer, as a sentence; empty if nothing is."""
    if not param.ratio or not param.scale:
        return (
            "needs at least one ratio and one scale, such as ratio: 0.5 ratio: 1 ratio: 2 scale: 8 scale: 16 scale: 32."
        )
    if not all(_LEAST <= number <= _MOST for number in (*param.ratio, *param.scale)):
        return f"has a ratio or scale outside {_LEAST:g} to {_MOST:g}."
    if not (param.feat_stride and param.base_size and param.pre_nms_topn and param.post_nms_topn):
        return "has 0 for feat_stride, base_size, pre_nms_topn or post_nms_topn; expected at least 1."
    return ""
