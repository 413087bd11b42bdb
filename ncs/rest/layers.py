"""The Caffe layers that this machine can compute after a device: a table from types to steps of the card.

A function takes a layer and the shapes of its bottoms, and returns the kind of the step and its settings. See
common/cards/host.py and host/kinds.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from caffe_io.caffe_pb2 import (
    LayerParameter,
    PriorBoxParameter,
    YoloDetectionOutputParameter,
    Yolov3DetectionOutputParameter,
)
from caffe_io.parameters.prior_boxes import box_sizes, picture_size, steps_of, variances_of
from caffe_io.parameters.yolo import AnchorError, Anchors, yolo3_anchors, yolo_anchors
from caffe_io.text.layer_place import place_of

from ..errors import ConversionError
from ..inputs.shapes import Shape


@dataclass(frozen=True)
class HostLayer:
    """A layer, and the file that it is in, for messages."""

    parameter: LayerParameter
    net_file: str

    def error(self, text: str) -> ConversionError:
        """Make an error about this layer, for the caller to raise."""
        place = place_of(self.net_file, self.parameter)
        return ConversionError(f'{place}: layer "{self.parameter.name}" ({self.parameter.type}): {text}')


Settings = dict[str, Any]


def _permute(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    order = list(layer.parameter.permute_param.order)
    # As in Caffe, the axes that are not named follow in their order.
    order += [axis for axis in range(len(shapes[0])) if axis not in order]
    return {"kind": "permute", "order": order}


def _flatten(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param, axes = layer.parameter.flatten_param, len(shapes[0])
    first, last = param.axis % axes, param.end_axis % axes
    joined = math.prod(shapes[0][first : last + 1])
    return {"kind": "reshape", "shape": [*shapes[0][:first], joined, *shapes[0][last + 1 :]]}


def _reshape(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param, bottom = layer.parameter.reshape_param, shapes[0]
    first = param.axis if param.axis >= 0 else len(bottom) + 1 + param.axis
    end = len(bottom) if param.num_axes < 0 else first + param.num_axes
    part, dims = bottom[first:end], list(param.shape.dim)
    dims = [part[place] if dim == 0 else dim for place, dim in enumerate(dims)]
    known = math.prod(dim for dim in dims if dim > 0)
    dims = [math.prod(part) // known if dim < 0 else dim for dim in dims]
    return {"kind": "reshape", "shape": [*bottom[:first], *dims, *bottom[end:]]}


def _concat(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param = layer.parameter.concat_param
    axis = param.concat_dim if param.HasField("concat_dim") else param.axis % len(shapes[0])
    return {"kind": "concat", "axis": axis}


def _softmax(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    return {"kind": "softmax", "axis": layer.parameter.softmax_param.axis % len(shapes[0])}


def _sigmoid(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    return {"kind": "sigmoid"}


def _prior_box(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param = layer.parameter.prior_box_param
    cells, whole = shapes[0][2:], shapes[1][2:]
    try:
        picture = picture_size(param, (whole[0], whole[1]))
        variances = variances_of(param)
        return {
            "kind": "prior_box",
            "cells": list(cells),
            "picture": list(picture),
            "steps": [_short(step) for step in steps_of(param, (cells[0], cells[1]), picture)],
            "offset": _short(param.offset),
            "sizes": [[_short(size) for size in pair] for pair in box_sizes(param)],
            "variances": [_short(value) for value in (variances * 4 if len(variances) == 1 else variances)],
            "clip": param.clip,
        }
    except ValueError as error:
        raise layer.error(f"prior_box_param: {error}.") from error


def _detection_output(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param = layer.parameter.detection_output_param
    nms = param.nms_param
    if not param.num_classes:
        raise layer.error("num_classes is missing; expected the number of classes, that of the background included.")
    top_k = nms.top_k if nms.HasField("top_k") and nms.top_k >= 0 else -1
    keep = max(-1, param.keep_top_k)
    priors = shapes[2][-1] // 4
    # As many as OpenVINO's operation has.
    each = keep if keep > 0 else param.num_classes * (top_k if top_k > 0 else priors)
    return {
        "kind": "detection_output",
        "classes": param.num_classes,
        "background": max(-1, param.background_label_id),
        "share_location": param.share_location,
        "code": PriorBoxParameter.CodeType.Name(param.code_type),
        "variance_encoded_in_target": param.variance_encoded_in_target,
        "confidence_threshold": _short(param.confidence_threshold) if param.HasField("confidence_threshold") else None,
        "nms_threshold": _short(nms.nms_threshold),
        "eta": _short(nms.eta),
        "top_k": top_k,
        "keep_top_k": keep,
        "rows": shapes[0][0] * each,
    }


def _yolo(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param = layer.parameter.yolo_detection_output_param
    try:
        anchors = yolo_anchors(param, shapes)
    except AnchorError as error:
        raise layer.error(str(error)) from error
    return {
        "kind": "yolo_output",
        "scores": "softmax",
        # The fork takes a score of the threshold itself.
        "confidence_threshold": _short(np.nextafter(np.float32(param.confidence_threshold), np.float32(-np.inf))),
        **_yolo_boxes(param, anchors, shapes),
    }


def _yolo3(layer: HostLayer, shapes: Sequence[Shape]) -> Settings:
    param = layer.parameter.yolov3_detection_output_param
    try:
        anchors = yolo3_anchors(param, shapes)
    except AnchorError as error:
        raise layer.error(str(error)) from error
    return {
        "kind": "yolo_output",
        "scores": "sigmoid",
        "confidence_threshold": _short(param.confidence_threshold),
        **_yolo_boxes(param, anchors, shapes),
    }


def _yolo_boxes(
    param: YoloDetectionOutputParameter | Yolov3DetectionOutputParameter, anchors: Anchors, shapes: Sequence[Shape]
) -> Settings:
    boxes = sum(len(pairs) * shape[2] * shape[3] for pairs, shape in zip(anchors, shapes, strict=True))
    # Of the classes of one box only the best is kept, because the others overlap it wholly.
    each = 1 if param.nms_threshold <= 1 else param.num_classes
    return {
        "classes": param.num_classes,
        "anchors": [[[_short(side) for side in pair] for pair in pairs] for pairs in anchors],
        # The fork drops a box whose overlap is the threshold itself.
        "nms_threshold": _short(np.nextafter(np.float32(param.nms_threshold), np.float32(-np.inf))),
        "rows": boxes * each,
    }


def _short(value: float) -> float:
    """Return a float32 with the fewest digits that are it."""
    return float(str(np.float32(value)))


HOST_LAYERS: dict[str, Callable[[HostLayer, Sequence[Shape]], Settings]] = {
    "Concat": _concat,
    "DetectionOutput": _detection_output,
    "Flatten": _flatten,
    "Permute": _permute,
    "PriorBox": _prior_box,
    "PriorBoxClustered": _prior_box,
    "Reshape": _reshape,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "YoloDetectionOutput": _yolo,
    "Yolov3DetectionOutput": _yolo3,
}
"""Type of a layer -> how its step is made."""
EXTRA_BOTTOMS = {"DetectionOutput": 3}
"""Type -> how many bottoms count, where others may follow that are not read."""
