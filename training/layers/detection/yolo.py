"""YoloDetectionOutput and Yolov3DetectionOutput: from the last feature maps of a YOLO net to boxes with labels and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from caffe_io.parameters.yolo import BEFORE_CLASSES, AnchorError, Anchors, yolo3_anchors, yolo_anchors

from ..base import Layer, Shape
from ..gradients import without_gradient
from .suppression import best_first, kept_boxes


class _YoloOutput(Layer):
    """What both have in common.

    Bottoms are 1 x (boxes x (5 + classes)) x H x W: for each box of each cell x, y, width, height, objectness and class
    scores. The fork mixes the boxes of several pictures, so a batch is refused.

    The top is 1 x 1 x M x 7: 0, label from 1 on, score, xmin, ymin, xmax, ymax as fractions of the picture, the best first.
    A box is dropped if a better one, of any class, overlaps it by nms_threshold or more. Without any box, the top is one row
    of 0 and -1.
    """

    boxes: int
    threshold: float
    anchors: list[Tensor]

    def prepare(self, find: Callable[[], Anchors], boxes: int, threshold: float) -> list[Shape]:
        """Take what `find` says of the boxes; return the shape of the top, whose number of rows only `forward` knows."""
        try:
            self.anchors = [torch.tensor(pairs) for pairs in find()]
        except AnchorError as error:
            raise self.error(str(error)) from error
        self.boxes = boxes
        self.threshold = threshold
        return [(1, 1, 1, 7)]

    def raw(self, x: Tensor) -> Tensor:
        """Bring a bottom to H W boxes x (5 + classes), cell by cell, and in a cell box by box."""
        height, width = x.shape[2:]
        apart = x.detach().float().reshape(self.boxes, -1, height, width).permute(2, 3, 0, 1)
        return apart.reshape(height * width * self.boxes, -1)

    def corners(self, raw: Tensor, anchors: Tensor, size: Sequence[int]) -> Tensor:
        """Decode xmin, ymin, xmax, ymax; `anchors` are boxes x 2, in units of the picture's sides, `size` is the map's."""
        height, width = size
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells = torch.stack([columns, rows], -1).reshape(-1, 1, 2).to(raw)
        pairs = raw.reshape(height * width, self.boxes, -1)
        centre = (cells + pairs[..., :2].sigmoid()) / raw.new_tensor([width, height])
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

    `biases` are widths and heights of the boxes, in cells. There are one or two bottoms, with as many rows as columns.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.yolo_detection_output_param
        return self.prepare(lambda: yolo_anchors(p, shapes), p.num_box, p.nms_threshold)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        threshold = np.float32(self.param.yolo_detection_output_param.confidence_threshold)
        labels, scores, corners = [], [], []
        for bottom, anchors in zip(bottoms, self.anchors, strict=True):
            raw = self.raw(bottom)
            best, label = raw[:, BEFORE_CLASSES:].softmax(1).max(1)
            labels.append(label)
            scores.append(raw[:, 4].sigmoid() * best)
            corners.append(self.corners(raw, anchors, bottom.shape[2:]))
        # Scores of the threshold itself count.
        least = float(np.nextafter(threshold, np.float32(-np.inf)))
        return self.top(bottoms, torch.cat(labels), torch.cat(scores), torch.cat(corners), least)


class Yolov3DetectionOutput(_YoloOutput):
    """YOLO v3's: each box has every class whose sigmoid times the objectness is above confidence_threshold.

    caffe_io/parameters/yolo.py says what the other fields mean.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.yolov3_detection_output_param
        return self.prepare(lambda: yolo3_anchors(p, shapes), p.num_box, p.nms_threshold)

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        least = self.param.yolov3_detection_output_param.confidence_threshold
        labels, scores, corners = [], [], []
        for bottom, anchors in zip(bottoms, self.anchors, strict=True):
            raw = self.raw(bottom)
            own = raw[:, BEFORE_CLASSES:].sigmoid() * raw[:, 4:5].sigmoid()
            box, label = (own > least).nonzero(as_tuple=True)
            labels.append(label)
            scores.append(own[box, label])
            corners.append(self.corners(raw, anchors, bottom.shape[2:])[box])
        return self.top(bottoms, torch.cat(labels), torch.cat(scores), torch.cat(corners), least)
