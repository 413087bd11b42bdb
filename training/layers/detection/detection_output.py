"""DetectionOutput: from predictions at priors to boxes with labels and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import PriorBoxParameter
from common.messages import shape_text

from ..base import Layer, Shape
from ..gradients import without_gradient
from .coding import decode
from .suppression import best_first, kept_boxes


class DetectionOutput(Layer):
    """Decode the boxes, drop those that overlap better ones of their class, and keep the best of each picture.

    Bottoms: differences from the priors, N x (priors x classes x 4), or x 1 class with share_location; scores, N x (priors x
    classes); priors and variances, 1 x 2 x (priors x 4). A fourth, which the fork draws on, is not read.

    The top is 1 x 1 x M x 7: number of the picture, label, score, xmin, ymin, xmax, ymax, sorted by picture, label and
    falling score. If no picture has a box, it has one row for each picture, with -1 after its number. From the SSD fork (Liu
    et al. 2016).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.detection_output_param
        nms = p.nms_param
        if not p.num_classes:
            raise self.error("num_classes is missing; expected the number of classes, that of the background included.")
        if not (nms.nms_threshold >= 0 and 0 < nms.eta <= 1):
            raise self.error(
                f"nms_threshold is {nms.nms_threshold:g} and eta {nms.eta:g}; expected 0 or more, and above 0 up to 1."
            )
        if p.background_label_id >= p.num_classes:
            raise self.error(
                f"background_label_id is {p.background_label_id}, but there are {p.num_classes} classes, from 0 on. "
                "Write -1 if none of them is the background."
            )
        locations, scores, priors = shapes[:3]
        if len(priors) != 3 or priors[1] != 2 or priors[2] % 4:
            raise self.error(f"its third bottom is {shape_text(priors)}; expected 1 x 2 x (4 for each prior).")
        self.priors = priors[2] // 4
        self.location_classes = 1 if p.share_location else p.num_classes
        for name, shape, count in (
            ("first bottom (locations)", locations, 4 * self.location_classes),
            ("second bottom (scores)", scores, p.num_classes),
        ):
            if not shape or shape[0] != locations[0] or math.prod(shape[1:]) != self.priors * count:
                raise self.error(
                    f"its {name} is {shape_text(shape)}; expected {locations[0] if locations else 1} x "
                    f"{self.priors * count}, {count} for each of {self.priors} priors."
                )
        return [(1, 1, 1, 7)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.detection_output_param
        locations, scores, priors = (bottom.detach().float() for bottom in bottoms[:3])
        batch = len(locations)
        boxes, variances = priors[0].reshape(2, self.priors, 1, 4)
        decoded = decode(
            p.code_type,
            self._checked(boxes),
            None if p.variance_encoded_in_target else variances,
            locations.reshape(batch, self.priors, self.location_classes, 4),
        )
        scores = scores.reshape(batch, self.priors, p.num_classes)
        rows = torch.cat([self._rows(number, decoded[number], scores[number]) for number in range(batch)])
        if not len(rows):
            rows = torch.full((batch, 7), -1.0, device=locations.device)
            rows[:, 0] = torch.arange(batch)
        top = rows[None, None]
        for bottom in bottoms[:3]:
            top = without_gradient(self, top, bottom)
        return [top]

    def _rows(self, number: int, boxes: Tensor, scores: Tensor) -> Tensor:
        """Return the rows of one picture from its boxes (priors x classes or 1 x 4) and scores (priors x classes)."""
        p = self.param.detection_output_param
        nms = p.nms_param
        least = p.confidence_threshold if p.HasField("confidence_threshold") else -torch.finfo(torch.float32).max
        most = nms.top_k if nms.HasField("top_k") else -1
        found = [torch.empty(0, 7, device=boxes.device)]
        hits = (scores > least).any(0)
        for label in hits.nonzero().ravel().tolist():
            if label == p.background_label_id:
                continue
            order = best_first(scores[:, label], least, most)
            own = boxes[order, 0 if p.share_location else label]
            kept = kept_boxes(own, nms.nms_threshold, nms.eta)
            order, own = order[kept], own[kept]
            head = own.new_tensor([number, label]).expand(len(own), 2)
            found.append(torch.cat([head, scores[order, label, None], own], 1))
        rows = torch.cat(found)
        if -1 < p.keep_top_k < len(rows):
            best = rows[:, 2].argsort(descending=True, stable=True)[: p.keep_top_k]
            # By label again, and within a label by falling score.
            rows = rows[best[rows[best, 1].argsort(stable=True)]]
        return rows

    def _checked(self, boxes: Tensor) -> Tensor:
        """Return the priors. Raises LayerError if one has no area, which the fork refuses where it divides by the size."""
        p = self.param.detection_output_param
        empty = (boxes[..., 2:] <= boxes[..., :2]).any(-1).ravel()
        if p.code_type != PriorBoxParameter.CORNER and bool(empty.any()):
            raise self.error(
                f"prior {int(empty.nonzero()[0])} has no area, and code_type CENTER_SIZE and CORNER_SIZE divide by it. "
                "Look at min_size, step and clip of the PriorBox layers."
            )
        return boxes
