"""YoloDetectionOutput and Yolov3DetectionOutput: from the last feature maps of a YOLO net to boxes with labels and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from common.messages import shape_text

from ..base import Layer, Shape
from ..gradients import without_gradient
from .suppression import best_first, kept_boxes

# x, y, width, height and whether there is a thing at all.
_BEFORE_CLASSES = 5


class _YoloOutput(Layer):
    """What both have in common.

    Bottoms are 1 x (boxes x (5 + classes)) x S x S: for each box of each cell x, y, width, height, objectness and class
    scores. The fork draws them from square maps alone, and mixes the boxes of several pictures, so both are refused.

    The top is 1 x 1 x M x 7: 0, label from 1 on, score, xmin, ymin, xmax, ymax as fractions of the picture, the best first.
    A box is dropped if a better one, of any class, overlaps it by nms_threshold or more. Without any box, the top is one row
    of 0 and -1.
    """

    classes: int
    boxes: int
    threshold: float

    def checked(self, shapes: list[Shape]) -> list[Shape]:
        """Check the bottoms; return the shape of the top, whose number of rows only `forward` knows."""
        if not (self.classes and self.boxes):
            raise self.error("num_classes and num_box must be at least 1.")
        channels = self.boxes * (_BEFORE_CLASSES + self.classes)
        for number, shape in enumerate(shapes):
            if len(shape) != 4 or shape[0] != 1 or shape[1] != channels or shape[2] != shape[3]:
                raise self.error(
                    f"its bottom {number} is {shape_text(shape)}; expected 1x{channels}xSxS, {_BEFORE_CLASSES} + "
                    f"{self.classes} numbers for each of {self.boxes} boxes. The fork takes one square picture at a time."
                )
        return [(1, 1, 1, 7)]

    def raw(self, x: Tensor) -> Tensor:
        """Bring a bottom to S S boxes x (5 + classes), cell by cell, and in a cell box by box."""
        size = x.shape[2]
        return (
            x.detach()
            .float()
            .reshape(self.boxes, -1, size, size)
            .permute(2, 3, 0, 1)
            .reshape(size * size * self.boxes, -1)
        )

    def corners(self, raw: Tensor, anchors: Tensor, size: int) -> Tensor:
        """Decode xmin, ymin, xmax, ymax; `anchors` are boxes x 2, in units of the picture's sides."""
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        cells = torch.stack([columns, rows], -1).reshape(-1, 1, 2).to(raw)
        pairs = raw.reshape(size * size, self.boxes, -1)
        centre = (cells + pairs[..., :2].sigmoid()) / size
        half = pairs[..., 2:4].exp() * anchors.to(raw) / 2
        return torch.cat([centre - half, centre + half], -1).reshape(-1, 4)

    def top(
        self, bottoms: list[Tensor], labels: Tensor, scores: Tensor, corners: Tensor, least: float
    ) -> Sequence[Tensor]:
        """Keep the boxes whose scores are above `least` and that overlap no better one, and write their rows."""
        order = best_first(scores, least, -1)
        # The fork drops a box whose overlap is the threshold itself.
        below = float(np.nextafter(np.float32(self.threshold), np.float32(-np.inf)))
        order = order[kept_boxes(corners[order], below, 1.0)]
        rows = torch.cat([(labels[order] + 1)[:, None].float(), scores[order, None], corners[order]], 1)
        rows = torch.nn.functional.pad(rows, (1, 0))
        if not len(rows):
            rows = torch.tensor([[0.0, *[-1.0] * 6]], device=rows.device)
        found = rows[None, None]
        for bottom in bottoms:
            found = without_gradient(self, found, bottom)
        return [found]


class YoloDetectionOutput(_YoloOutput):
    """YOLO v2's: each box has the class with the highest softmax, and that times the objectness is its score.

    `biases` are widths and heights of the boxes, in cells.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.yolo_detection_output_param
        self.classes, self.boxes, self.threshold = p.num_classes, p.num_box, p.nms_threshold
        if p.coords != 4:
            raise self.error(f"coords is {p.coords}; expected 4.")
        if len(p.biases) < 2 * self.boxes:
            raise self.error(f"has {len(p.biases)} biases; expected 2 for each of {self.boxes} boxes.")
        return self.checked(shapes)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p, size = self.param.yolo_detection_output_param, bottoms[0].shape[2]
        raw = self.raw(bottoms[0])
        anchors = torch.tensor(p.biases).reshape(-1, 2)[: self.boxes] / size
        best, labels = raw[:, _BEFORE_CLASSES:].softmax(1).max(1)
        # Scores of the threshold itself count.
        least = float(np.nextafter(np.float32(p.confidence_threshold), np.float32(-np.inf)))
        return self.top(bottoms, labels, raw[:, 4].sigmoid() * best, self.corners(raw, anchors, size), least)


class Yolov3DetectionOutput(_YoloOutput):
    """YOLO v3's: each box has every class whose sigmoid times the objectness is above confidence_threshold.

    There are `mask_group_num` bottoms. `mask` has the numbers of the boxes of each in turn, `biases` widths and heights of all
    boxes in pixels, and `anchors_scale` how many pixels wide a cell is.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.yolov3_detection_output_param
        self.classes, self.boxes, self.threshold = p.num_classes, p.num_box, p.nms_threshold
        if len(shapes) != p.mask_group_num:
            raise self.error(f"has {len(shapes)} bottoms, but mask_group_num is {p.mask_group_num}.")
        if len(p.mask) != self.boxes * len(shapes) or len(p.anchors_scale) < len(shapes):
            raise self.error(
                f"has {len(p.mask)} numbers in mask and {len(p.anchors_scale)} in anchors_scale; expected {self.boxes} "
                f"(num_box) and 1 for each of {len(shapes)} bottoms."
            )
        if len(p.biases) < 2 * (max(p.mask, default=0) + 1):
            raise self.error(f"has {len(p.biases)} biases; expected 2 for each box that mask names.")
        if not all(p.anchors_scale[: len(shapes)]):
            raise self.error("anchors_scale is 0; expected how many pixels wide a cell is.")
        return self.checked(shapes)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.yolov3_detection_output_param
        biases = torch.tensor(p.biases)[: len(p.biases) // 2 * 2].reshape(-1, 2)
        masks = torch.tensor(p.mask).reshape(len(bottoms), self.boxes)
        labels, scores, corners = [], [], []
        for bottom, mask, pixels in zip(bottoms, masks, p.anchors_scale, strict=False):
            raw, size = self.raw(bottom), bottom.shape[2]
            own = raw[:, _BEFORE_CLASSES:].sigmoid() * raw[:, 4:5].sigmoid()
            box, label = (own > p.confidence_threshold).nonzero(as_tuple=True)
            labels.append(label)
            scores.append(own[box, label])
            corners.append(self.corners(raw, biases[mask] / (size * pixels), size)[box])
        return self.top(bottoms, torch.cat(labels), torch.cat(scores), torch.cat(corners), p.confidence_threshold)
