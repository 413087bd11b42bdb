"""Layers of detectors from the SSD fork: DetectionOutput, Normalize, PriorBox."""

from __future__ import annotations

import math

import numpy as np
import openvino.opset1 as op
from openvino import Output
from openvino.op import Constant

from caffe_io.blobs import Array, too_many_numbers
from caffe_io.caffe_pb2 import PriorBoxParameter
from caffe_io.parameters.prior_boxes import prior_boxes
from common.messages import shape_text

from .layer import TrainedLayer, constant, integers, per_channel, reshaped, shape

_CODES = {PriorBoxParameter.CORNER: "CORNER", PriorBoxParameter.CENTER_SIZE: "CENTER_SIZE"}
# What makes numbers above 0, and what leaves them as they are.
_MAKE_POSITIVE = ("Softmax", "Sigmoid")
_REARRANGE = ("Reshape", "Transpose")
# OpenVINO 2021.4.2 adds eps to the norm of a picture, and not to its square. Below this it makes no difference.
_LARGEST_EPS = 1e-6
# The MYRIAD compiler writes 0 for a smaller one, and a pixel of zeros would then be 0 / 0. Caffe's default is 1e-10.
_SMALLEST_EPS = 1e-8
_CUT = "Cut the net before it: with --cut {}, this machine chooses the boxes."


def prior_box(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute the boxes around the cells of a map. They depend on sizes alone, so they are a constant of the network."""
    features, picture = (shape(bottom) for bottom in inputs)
    if len(features) != 4 or len(picture) != 4:
        raise layer.error(
            f"expected bottoms of 4 axes, a map and the picture; found {shape_text(features)} and {shape_text(picture)}."
        )
    if problem := too_many_numbers((1, 2, 4, *features[2:])):
        raise layer.error(f"its top {problem}")
    try:
        return [constant(prior_boxes(layer.parameter.prior_box_param, features[2:], picture[2:]))]
    except ValueError as error:
        raise layer.error(f"prior_box_param: {error}.") from error


def normalize(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute factor * x / sqrt(eps + sum of squares), over the channels of a pixel or over the whole picture."""
    param, dims = layer.parameter.norm_param, shape(inputs[0])
    if not 2 <= len(dims) <= 4:
        raise layer.error(f"expected a bottom of 2 to 4 axes; found {shape_text(dims)}.")
    if not layer.parameter.HasField("norm_param") and math.prod(dims[2:]) != 1:
        raise layer.error(
            f"has no norm_param, and its bottom is {shape_text(dims)}. Forks disagree about what is normalised then: write "
            "norm_param { across_spatial: true } for the whole picture, or false for each pixel."
        )
    factor = layer.weight(0, *(() if param.channel_shared else (dims[1],)))
    axes = list(range(1, len(dims))) if param.across_spatial else [1]
    if param.eps <= _LARGEST_EPS:
        top = op.normalize_l2(inputs[0], integers(axes), max(param.eps, _SMALLEST_EPS), "add")
    else:
        squares = op.reduce_sum(op.multiply(inputs[0], inputs[0]), integers(axes), True)
        top = op.divide(inputs[0], op.sqrt(op.add(squares, constant(param.eps))))
    # One number for each channel, also where they share it: the MYRIAD compiler takes both into one stage.
    factors = np.ascontiguousarray(np.broadcast_to(factor, dims[1]))
    return [op.multiply(top, per_channel(factors, len(dims))).output(0)]


def detection_output(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Decode the boxes, drop those that overlap better ones of their class, and keep the best of each picture.

    Where Caffe's top has a row for each box, this one has a fixed number of rows. The one after the last box begins with -1.
    Without a confidence_threshold, boxes whose score is exactly 0 are left out.
    """
    p = layer.parameter.detection_output_param
    nms = p.nms_param
    if not p.num_classes:
        raise layer.error("num_classes is missing; expected the number of classes, that of the background included.")
    if p.background_label_id >= p.num_classes:
        raise layer.error(
            f"background_label_id is {p.background_label_id}, but there are {p.num_classes} classes, from 0 on. "
            "Write -1 if none of them is the background."
        )
    if not nms.nms_threshold >= 0:
        raise layer.error(f"nms_threshold is {nms.nms_threshold:g}; expected 0 or more.")
    if nms.eta != 1:
        cut = _CUT.format(layer.parameter.bottom[1])
        raise layer.error(f"eta is {nms.eta:g}, but OpenVINO's operation has no threshold that adapts itself. {cut}")
    top_k = nms.top_k if nms.HasField("top_k") else -1
    for name, number in (("top_k", top_k), ("keep_top_k", p.keep_top_k)):
        if number == 0:
            raise layer.error(f"{name} is 0, which keeps no box. Write how many it may keep, or -1 for all.")
    threshold = p.confidence_threshold if p.HasField("confidence_threshold") else -math.inf
    if threshold < 0:
        threshold = 0.0
        if not _is_positive(inputs[1]):
            raise layer.error(
                "has no confidence_threshold of 0 or more, which the MYRIAD compiler wants, and its scores may be negative. "
                f"Write one, or give the net a Softmax or Sigmoid. {_CUT.format(layer.parameter.bottom[1])}"
            )
    locations, scores = (reshaped(bottom, (shape(bottom)[0], math.prod(shape(bottom)[1:]))) for bottom in inputs[:2])
    priors, code, in_target = _priors(layer, inputs[2])
    _check_counts(layer, shape(locations), shape(scores), shape(inputs[2]))
    settings = {
        "num_classes": p.num_classes,
        "background_label_id": p.background_label_id,
        "top_k": max(top_k, -1),
        "keep_top_k": [max(p.keep_top_k, -1)],
        "variance_encoded_in_target": in_target,
        "code_type": f"caffe.PriorBoxParameter.{code}",
        "share_location": p.share_location,
        "nms_threshold": nms.nms_threshold,
        "confidence_threshold": threshold,
        "normalized": True,
    }
    return [op.detection_output(locations, scores, priors, settings).output(0)]


def _is_positive(scores: Output) -> bool:
    """Say whether no number of `scores` can be negative, because a Softmax or Sigmoid makes them all."""
    node = scores.get_node()
    if node.get_type_name() == "Concat":
        return all(_is_positive(port.get_source_output()) for port in node.inputs())
    if node.get_type_name() in _REARRANGE:
        return _is_positive(node.input_value(0))
    return node.get_type_name() in _MAKE_POSITIVE


def _priors(layer: TrainedLayer, bottom: Output) -> tuple[Output, str, bool]:
    """Return the priors as OpenVINO wants them, their code, and whether it passes over the variances.

    OpenVINO lacks CORNER_SIZE, which is CORNER with variances in units of each prior's size. Where it passes over the
    variances, it wants none.
    """
    p = layer.parameter.detection_output_param
    node, in_target = bottom.get_node(), p.variance_encoded_in_target
    if not isinstance(node, Constant):
        if p.code_type in _CODES and not in_target:
            return bottom, _CODES[p.code_type], False
        raise layer.error(
            f"its priors do not come from PriorBox layers, and only these are known with code_type "
            f"{PriorBoxParameter.CodeType.Name(p.code_type)} and variance_encoded_in_target {str(in_target).lower()}. "
            + _CUT.format(layer.parameter.bottom[1])
        )
    values: Array = np.array(node.data)
    if p.code_type in _CODES:
        return constant(values[:, :1]) if in_target else bottom, _CODES[p.code_type], in_target
    boxes, variances = values[0].reshape(2, -1, 4)
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    scaled = sizes if in_target else sizes * variances
    return constant(np.stack([boxes.ravel(), scaled.ravel()])[None]), "CORNER", False


def _check_counts(
    layer: TrainedLayer, locations: tuple[int, ...], scores: tuple[int, ...], priors: tuple[int, ...]
) -> None:
    p = layer.parameter.detection_output_param
    count = priors[-1] // 4
    expected = (4 * count * (1 if p.share_location else p.num_classes), count * p.num_classes)
    if (locations[1], scores[1]) != expected or locations[0] != scores[0]:
        raise layer.error(
            f"its locations are {shape_text(locations)} and its scores {shape_text(scores)}; expected {expected[0]} and "
            f"{expected[1]} for each picture, for {count} priors and {p.num_classes} classes."
        )
