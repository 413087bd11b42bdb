"""Layers of Faster R-CNN and R-FCN: Proposal, ROIPooling and PSROIPooling, which OpenVINO has as operations."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
import openvino.opset2 as op2
import openvino.opset4 as op4
from openvino import Output

from caffe_io.parameters.anchors import anchors, proposal_problem
from common.messages import shape_text

from .layer import TrainedLayer, constant, integers, reshaped, shape


def proposal(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Make Proposal, which always gives post_nms_topn rows; the first row that it has no box for begins with -1."""
    p = layer.parameter.proposal_param
    if problem := proposal_problem(p):
        raise layer.error(problem)
    scores, moves, info = map(shape, inputs)
    count = len(anchors(p))
    if len(scores) != 4 or scores[1] != 2 * count or moves != (scores[0], 4 * count, *scores[2:]):
        raise layer.error(
            f"its bottoms have the shapes {shape_text(scores)} and {shape_text(moves)}; expected N x {2 * count} x H x W and "
            f"N x {4 * count} x H x W for {count} anchors."
        )
    if scores[0] != 1:
        raise layer.error(
            f"a device finds the regions of one picture at a time, but the batch is {scores[0]}. Use --batch 1."
        )
    if math.prod(info) not in (3, 4):
        raise layer.error(f"its third bottom is {shape_text(info)}; expected 1 x 3 (height, width, scale) or 1 x 4.")
    settings = {
        "base_size": np.uint32(p.base_size),
        "pre_nms_topn": np.uint32(p.pre_nms_topn),
        "post_nms_topn": np.uint32(p.post_nms_topn),
        "nms_thresh": p.nms_thresh,
        "feat_stride": np.uint32(p.feat_stride),
        "min_size": np.uint32(p.min_size),
        "ratio": np.array(p.ratio, np.float32),
        "scale": np.array(p.scale, np.float32),
        "clip_before_nms": True,
        "clip_after_nms": False,
        "normalize": False,
        "box_size_scale": 1.0,
        "box_coordinate_scale": 1.0,
        "framework": "",
    }
    picture = reshaped(inputs[2], [math.prod(info)])
    if len(layer.parameter.top) == 1:
        return [op.proposal(inputs[0], inputs[1], picture, settings).output(0)]
    # Only opset4's gives the scores, too.
    regions, found = op4.proposal(inputs[0], inputs[1], picture, settings).outputs()
    rows = [p.post_nms_topn, 1] if layer.parameter.HasField("python_param") else [p.post_nms_topn]
    return [regions, reshaped(found, rows)]


def roi_pooling(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Take the maximum of pooled_h x pooled_w parts of each region."""
    p = layer.parameter.roi_pooling_param
    if not p.pooled_h or not p.pooled_w:
        raise layer.error("needs pooled_h and pooled_w of at least 1.")
    regions = _regions(layer, inputs)
    if p.pad_ratio:
        number, left, top, right, bottom = op.split(regions, integers(1), 5).outputs()
        ends = []
        for first, last in ((left, right), (top, bottom)):
            pad = op.multiply(op.add(op.subtract(last, first), constant([[1.0]])), constant([[p.pad_ratio]]))
            ends.append((op.subtract(first, pad), op.add(last, pad)))
        regions = op.concat([number, ends[0][0], ends[1][0], ends[0][1], ends[1][1]], 1).output(0)
    return [op2.roi_pooling(inputs[0], regions, [p.pooled_h, p.pooled_w], p.spatial_scale, "max").output(0)]


def psroi_pooling(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Average group_size x group_size parts of each region in the channels of their place."""
    p = layer.parameter.psroi_pooling_param
    needed = p.output_dim * p.group_size**2
    if p.output_dim < 1 or p.group_size < 1 or shape(inputs[0])[1] != needed:
        raise layer.error(
            f"has output_dim {p.output_dim} and group_size {p.group_size}, and a bottom of {shape_text(shape(inputs[0]))}; "
            "expected both above 0, and output_dim x group_size x group_size channels."
        )
    regions = _regions(layer, inputs)
    top = op.psroi_pooling(inputs[0], regions, p.output_dim, p.group_size, p.spatial_scale, 1, 1, "average")
    return [top.output(0)]


def _regions(layer: TrainedLayer, inputs: list[Output]) -> Output:
    """Return the second bottom as R x 5."""
    dims, regions = map(shape, inputs)
    if len(dims) != 4 or not regions or math.prod(regions) != 5 * regions[0]:
        raise layer.error(
            f"its bottoms have the shapes {shape_text(dims)} and {shape_text(regions)}; expected N x C x H x W and R x 5."
        )
    return inputs[1] if len(regions) == 2 else reshaped(inputs[1], [regions[0], 5])
