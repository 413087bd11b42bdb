"""Proposal: the regions of a picture that may hold an object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import ProposalParameter
from caffe_io.parameters.anchors import anchors, proposal_problem

from ..base import Layer, Shape, shape_list
from ..gradients import without_gradient
from .suppression import best_first, kept_boxes


class Proposal(Layer):
    """Move and resize the anchors, and return the best boxes that do not overlap better ones (Ren et al. 2015).

    Bottoms: scores, N x 2A x H x W, those of objects in the second half; differences from the anchors, N x 4A x H x W; and
    the picture's height, width and scale (1 or N x 3, or 4 with scales of height and width). Tops: a row of number in the
    batch, xmin, ymin, xmax, ymax for each box, at most N x post_nms_topn; and its scores.

    A box smaller than min_size counts with the score 0, as in PVANet's layer. The Python layer of py-faster-rcnn drops it.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.proposal_param
        if problem := proposal_problem(p):
            raise self.error(problem)
        self._anchors = torch.from_numpy(anchors(p))
        count = len(self._anchors)
        scores, moves, info = shapes
        fits = len(scores) == 4 and scores[1] == 2 * count and moves == (scores[0], 4 * count, *scores[2:])
        if not fits or not info or info[-1] < 3:
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes)}; expected N x {2 * count} x H x W and N x {4 * count} x H x W "
                f"for {count} anchors, and N x 3 (height, width, scale)."
            )
        most = scores[0] * p.post_nms_topn
        tops: list[Shape] = [(most, 5), (most, 1) if self._drops_small else (most,)]
        return tops[: len(self.param.top)]

    @property
    def _drops_small(self) -> bool:
        """Whether it stands for the Python layer."""
        return self.param.HasField("python_param")

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        scores, moves, info = (bottom.detach().float() for bottom in bottoms)
        info = info.reshape(-1, info.shape[-1])
        regions, kept = [], []
        for number in range(len(scores)):
            boxes, found = self._best(scores[number], moves[number], info[min(number, len(info) - 1)])
            regions.append(torch.cat([boxes.new_full((len(boxes), 1), number), boxes], 1))
            kept.append(found)
        tops = [torch.cat(regions), torch.cat(kept)]
        if self._drops_small:
            tops[1] = tops[1].unsqueeze(1)
        for bottom in bottoms:
            tops = [without_gradient(self, top, bottom) for top in tops]
        return tops[: len(self.param.top)]

    def _best(self, scores: Tensor, moves: Tensor, info: Tensor) -> tuple[Tensor, Tensor]:
        """Return the boxes of one picture, the best first, and their scores."""
        p = self.param.proposal_param
        count = len(self._anchors)
        boxes = clipped(moved(shifted(self._anchors.to(scores.device), p, scores.shape[1:]), moves), info)
        found = scores[count:].permute(1, 2, 0).reshape(-1)
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        scales = info[[3, 2]] if len(info) == 4 else info[[2, 2]]
        large = (sides >= p.min_size * scales).all(1)
        if self._drops_small:
            boxes, found = boxes[large], found[large]
        else:
            found = found * large
        order = best_first(found, -torch.inf, p.pre_nms_topn)
        boxes, found = boxes[order], found[order]
        # Both ends of a side belong to the box.
        ends = boxes + torch.tensor([0, 0, 1, 1], device=boxes.device)
        kept = kept_boxes(ends, p.nms_thresh, 1.0).nonzero()[: p.post_nms_topn, 0]
        return boxes[kept], found[kept]


def shifted(first: Tensor, p: ProposalParameter, cells: Sequence[int]) -> Tensor:
    """Return the anchors of all cells H x W, row by row, from those of the first: (H W A) x 4."""
    y, x = (torch.arange(size, device=first.device, dtype=torch.float32) * p.feat_stride for size in cells)
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    return (torch.cat([places, places], -1)[:, :, None] + first).reshape(-1, 4)


def moved(boxes: Tensor, moves: Tensor) -> Tensor:
    """Move the centres of boxes ((H W A) x 4) and scale their sides by the exponentials, as `moves` (4A x H x W) say."""
    moves = moves.permute(1, 2, 0).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    centres = boxes[:, :2] + 0.5 * sides + moves[:, :2] * sides
    half = 0.5 * moves[:, 2:].exp() * sides
    return torch.cat([centres - half, centres + half], 1)


def clipped(boxes: Tensor, info: Tensor) -> Tensor:
    """Cut boxes at the border of the picture, whose height and width `info` begins with."""
    last = info[[1, 0, 1, 0]] - 1
    return torch.minimum(boxes, last).clamp(min=0)
