"""PriorBox: the boxes around each cell of a map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_io.parameters.prior_boxes import box_sizes, prior_boxes
from common.messages import shape_text

from ..base import Layer, Shape, shape_list


class PriorBox(Layer):
    """Make the boxes that the predictions of each cell of the first bottom start from. Of both bottoms only the sizes count.

    The boxes are computed once for these sizes. From the SSD fork (Liu et al. 2016).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        if any(len(shape) != 4 for shape in shapes):
            raise self.error(f"expected bottoms of 4 axes, a map and the picture; found {shape_list(shapes)}.")
        self._cells = (shapes[0][2], shapes[0][3])
        self._picture = (shapes[1][2], shapes[1][3])
        self._boxes: Tensor | None = None
        if not min(self._cells + self._picture):
            raise self.error(f"its bottom {shape_text(shapes[not min(self._picture)])} is empty.")
        try:
            count = len(box_sizes(self.param.prior_box_param))
            # The other settings, without the memory for all cells.
            prior_boxes(self.param.prior_box_param, (1, 1), self._picture)
        except ValueError as error:
            raise self.error(f"prior_box_param: {error}.") from error
        return [(1, 2, 4 * self._cells[0] * self._cells[1] * count)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        if self._boxes is None:
            boxes = prior_boxes(self.param.prior_box_param, self._cells, self._picture)
            self._boxes = torch.from_numpy(boxes).to(self.context.device)
        # A copy, because a later layer may work in place.
        return [self._boxes.clone()]
