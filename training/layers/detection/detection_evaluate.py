"""DetectionEvaluate: which boxes of a detector are right."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.text.picture_list import read_list_text
from common.messages import shape_text

from ..base import Layer, Shape
from .coding import overlaps


class DetectionEvaluate(Layer):
    """Say of each box whether it finds an object of its label that no better box has found.

    Bottoms: rows of a DetectionOutput, 1 x 1 x N x 7; objects, 1 x 1 x M x 8, as MultiBoxLoss takes them, up to the first
    row that begins with -1. The top is 1 x 1 x K x 5: a row -1, label, number of objects, -1, -1 for each label; then a row
    for each box, by picture and label: picture, label, score, 1 if it is right, 1 if it is wrong. A box on a difficult object
    is neither, unless evaluate_difficult_gt. With name_size_file, overlaps are in pixels. From the SSD fork (Liu et al. 2016).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.detection_evaluate_param
        if not p.num_classes:
            raise self.error("num_classes is missing; expected the number of classes, that of the background included.")
        if not p.overlap_threshold > 0:
            raise self.error(f"overlap_threshold is {p.overlap_threshold:g}; expected a number above 0.")
        for name, shape, last in (("first", shapes[0], 7), ("second", shapes[1], 8)):
            if len(shape) != 4 or shape[:2] != (1, 1) or shape[3] != last:
                raise self.error(f"its {name} bottom is {shape_text(shape)}; expected 1 x 1 x N x {last}.")
        self._labels = [label for label in range(p.num_classes) if label != p.background_label_id]
        self._sizes: list[tuple[float, float]] = []
        self._next = 0
        return [(1, 1, len(self._labels) + shapes[0][2], 5)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.detection_evaluate_param
        found = bottoms[0].detach().float().cpu().reshape(-1, 7)
        objects = bottoms[1].detach().float().cpu().reshape(-1, 8)
        ends = (objects[:, 0] == -1).nonzero().ravel()
        objects = objects[: int(ends[0])] if len(ends) else objects
        found = found[found[:, 0] != -1]
        for what, label in (("an object", objects[:, 1]), ("a box", found[:, 1])):
            if bool((label == p.background_label_id).any()):
                raise self.error(f"{what} has label {p.background_label_id}, the background.")
        counted = objects if p.evaluate_difficult_gt else objects[objects[:, 7] == 0]
        rows = [torch.tensor([[-1.0, label, (counted[:, 1] == label).sum(), -1, -1]]) for label in self._labels]
        for picture in sorted(set(found[:, 0].tolist())):
            scale = self._scale()
            own, truth = found[found[:, 0] == picture], objects[objects[:, 0] == picture]
            for label in sorted(set(own[:, 1].tolist())):
                rows.append(self._judged(own[own[:, 1] == label], truth[truth[:, 1] == label], scale))
        return [torch.cat(rows)[None, None].to(bottoms[0].device)]

    def _judged(self, found: Tensor, truth: Tensor, scale: Tensor | None) -> Tensor:
        """Return the rows of the boxes of one label on one picture, N x 5."""
        p = self.param.detection_evaluate_param
        if not len(truth):
            verdict = torch.tensor([0.0, 1.0]).expand(len(found), 2)
            return torch.cat([found[:, :3], verdict], 1)
        found = found[found[:, 2].argsort(descending=True, stable=True)]
        boxes, places = found[:, 3:7], truth[:, 3:7]
        if scale is not None:
            # A pixel has a width of its own.
            boxes, places = (side.clamp(0, 1) * scale + torch.tensor([0.0, 0, 1, 1]) for side in (boxes, places))
        largest, nearest = overlaps(boxes, places).max(1)
        hits = largest >= p.overlap_threshold
        counts = hits if p.evaluate_difficult_gt else hits & (truth[nearest, 7] == 0)
        same = (nearest[:, None] == nearest[None]) & counts[:, None] & counts[None]
        taken = same.tril(-1).any(1)
        right, wrong = counts & ~taken, ~hits | (counts & taken)
        return torch.cat([found[:, :3], right[:, None].float(), wrong[:, None].float()], 1)

    def _scale(self) -> Tensor | None:
        """Return width, height, width, height of the next picture; None without name_size_file."""
        path = self.param.detection_evaluate_param.name_size_file
        if not path:
            return None
        if not self._sizes:
            self._sizes = self._read_sizes(path)
        height, width = self._sizes[self._next]
        self._next = (self._next + 1) % len(self._sizes)
        return torch.tensor([width, height, width, height])

    def _read_sizes(self, path: str) -> list[tuple[float, float]]:
        sizes = []
        try:
            lines = read_list_text(path).splitlines()
        except OSError as error:
            raise self.error(f"name_size_file {path}: cannot be read ({error.strerror}).") from error
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 3 or not all(word.isdecimal() and int(word) for word in words[1:]):
                raise self.error(f'{path}:{number}: found "{line[:60]}"; expected a name, the height and the width.')
            sizes.append((float(words[1]), float(words[2])))
        if not sizes:
            raise self.error(f"name_size_file {path}: holds no picture.")
        return sizes
