"""The boxes of YOLO's detection outputs, and whether their maps fit them."""

from __future__ import annotations

from collections.abc import Sequence

from common.messages import shape_text

from ..caffe_pb2 import YoloDetectionOutputParameter, Yolov3DetectionOutputParameter

Anchors = list[list[tuple[float, float]]]
"""For each map, width and height of each of its boxes as shares of the picture's sides."""
BEFORE_CLASSES = 5
"""x, y, width, height and whether there is a thing at all."""


class AnchorError(ValueError):
    """Boxes that do not fit the maps; the caller adds which layer has them."""


def yolo_anchors(param: YoloDetectionOutputParameter, shapes: Sequence[Sequence[int]]) -> Anchors:
    """Return the boxes of YOLO v2's maps, the same for each; `biases` are in cells. Raises AnchorError."""
    _check_maps(param.num_classes, param.num_box, shapes)
    if any(shape[2] != shape[3] for shape in shapes):
        found = ", ".join(map(shape_text, shapes))
        raise AnchorError(
            f"its bottoms are {found}; expected as many rows as columns, because the fork takes no others."
        )
    if param.coords != 4:
        raise AnchorError(f"coords is {param.coords}; expected 4.")
    if len(param.biases) < 2 * param.num_box:
        raise AnchorError(f"has {len(param.biases)} biases; expected 2 for each of {param.num_box} boxes.")
    pairs = list(zip(param.biases[0::2], param.biases[1::2], strict=False))[: param.num_box]
    return [[(width / shape[3], height / shape[2]) for width, height in pairs] for shape in shapes]


def yolo3_anchors(param: Yolov3DetectionOutputParameter, shapes: Sequence[Sequence[int]]) -> Anchors:
    """Return the boxes of YOLO v3's maps. Raises AnchorError.

    There are `mask_group_num` maps. `mask` has the numbers of the boxes of each in turn, `biases` widths and heights of all
    boxes in pixels, and `anchors_scale` how many pixels wide a cell is.
    """
    if len(shapes) != param.mask_group_num:
        raise AnchorError(f"has {len(shapes)} bottoms, but mask_group_num is {param.mask_group_num}.")
    _check_maps(param.num_classes, param.num_box, shapes)
    if len(param.mask) != param.num_box * len(shapes) or len(param.anchors_scale) < len(shapes):
        raise AnchorError(
            f"has {len(param.mask)} numbers in mask and {len(param.anchors_scale)} in anchors_scale; expected "
            f"{param.num_box} (num_box) and 1 for each of {len(shapes)} bottoms."
        )
    if len(param.biases) < 2 * (max(param.mask, default=0) + 1):
        raise AnchorError(f"has {len(param.biases)} biases; expected 2 for each box that mask names.")
    if not all(param.anchors_scale[: len(shapes)]):
        raise AnchorError("anchors_scale is 0; expected how many pixels wide a cell is.")
    found: Anchors = []
    for number, shape in enumerate(shapes):
        height, width = (size * param.anchors_scale[number] for size in shape[2:])
        mask = param.mask[number * param.num_box : (number + 1) * param.num_box]
        found.append([(param.biases[2 * box] / width, param.biases[2 * box + 1] / height) for box in mask])
    return found


def _check_maps(classes: int, boxes: int, shapes: Sequence[Sequence[int]]) -> None:
    """Raise AnchorError unless each map is 1 x (boxes x (5 + classes)) x H x W; the fork mixes the boxes of several pictures."""
    if not (classes and boxes):
        raise AnchorError("num_classes and num_box must be at least 1.")
    channels = boxes * (BEFORE_CLASSES + classes)
    for number, shape in enumerate(shapes):
        if len(shape) != 4 or shape[0] != 1 or shape[1] != channels:
            raise AnchorError(
                f"its bottom {number} is {shape_text(shape)}; expected 1x{channels}xHxW, {BEFORE_CLASSES} + {classes} numbers "
                f"for each of {boxes} boxes. The fork takes one picture at a time."
            )
