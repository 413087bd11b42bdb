"""RegionYolo and NormL2."""

from __future__ import annotations

import math

import openvino.opset1 as op
from openvino import Output

from common.messages import shape_text

from ..layer import TrainedLayer, integers, shape


def region_yolo(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Bring places in a cell, objectness and class scores to between 0 and 1."""
    p, dims = layer.parameter.region_yolo_param, shape(inputs[0])
    boxes = p.num if p.do_softmax else len(p.mask)
    channels = boxes * (p.coords + 1 + p.classes)
    if len(dims) != 4 or boxes < 1 or p.coords != 4 or p.classes < 1 or dims[1] != channels:
        raise layer.error(
            f"coords is {p.coords} and its bottom {shape_text(dims)}; expected 4, and Nx{channels}xHxW, 4 + 1 + {p.classes} "
            f"numbers for each of {boxes} boxes ({'num' if p.do_softmax else 'mask'})."
        )
    # The operation wants a mask in either case, and reads it in one only.
    mask = list(p.mask) or list(range(boxes))
    top = op.region_yolo(inputs[0], p.coords, p.classes, boxes, p.do_softmax, mask, 1, 3, list(p.anchors) or [1.0] * 2)
    return [top.output(0)]


def norm_l2(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Divide an embedding by its length."""
    dims = shape(inputs[0])
    if len(dims) < 2 or math.prod(dims[2:]) != 1:
        raise layer.error(
            f"its bottom is {shape_text(dims)}; expected NxC. Forks disagree about maps: write Normalize with "
            "norm_param { across_spatial: true } for the whole map, or false for each pixel."
        )
    return [op.normalize_l2(inputs[0], integers([1]), 1e-7, "add").output(0)]
