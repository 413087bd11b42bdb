"""Layers that select by an index or a selector: BatchReindex, Embed, Filter."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from common.messages import shape_text

from .base import Layer, Shape, shape_list
from .gradients import without_gradient


class BatchReindex(Layer):
    """Select from the first bottom, for each number of the second, the item with that index."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        if len(shapes[1]) != 1 or not shapes[0]:
            raise self.error(f"expected a second bottom of one axis (the indices); found {shape_text(shapes[1])}.")
        return [(*shapes[1], *shapes[0][1:])]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        indices = _checked_indices(self, bottoms[1], len(bottoms[0]))
        return [without_gradient(self, bottoms[0].index_select(0, indices), bottoms[1])]


class Embed(Layer):
    """Replace each index of the bottom by its row of the weights (input_dim x num_output), plus the bias."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.embed_param
        if not p.num_output or not p.input_dim:
            raise self.error("num_output and input_dim must be at least 1.")
        self.add_blob((p.input_dim, p.num_output), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)
        return [(*shapes[0], p.num_output)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.embed_param
        top = F.embedding(_checked_indices(self, bottoms[0], p.input_dim), self.blobs[0])
        return [without_gradient(self, top + self.blobs[1] if p.bias_term else top, bottoms[0])]


class Filter(Layer):
    """Keep the items of each bottom for which the last bottom, the selector, is not 0.

    The top may then have fewer items than `setup` said.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        *rest, selector = shapes
        if len(self.param.top) != len(rest):
            raise self.error(f"has {len(self.param.top)} tops; expected {len(rest)}, one less than bottoms.")
        if not selector or any(size != 1 for size in selector[1:]):
            raise self.error(
                f"its last bottom, the selector, has the shape {shape_text(selector)}; expected one number for each item."
            )
        if any(shape[:1] != selector[:1] for shape in rest):
            raise self.error(f"its bottoms have the shapes {shape_list(rest)}; expected {selector[0]} items in each.")
        return rest

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        *rest, selector = bottoms
        kept = selector.reshape(-1).nonzero()[:, 0]
        return [without_gradient(self, bottom.index_select(0, kept), selector) for bottom in rest]


def _checked_indices(layer: Layer, indices: Tensor, count: int) -> Tensor:
    """Return `indices` as integers. Raises LayerError for one outside 0 .. count - 1."""
    integers = indices.long()
    wrong = (integers < 0) | (integers >= count)
    if bool(wrong.any()):
        raise layer.error(f"index {int(integers[wrong][0])} is out of range; expected 0 to {count - 1}.")
    return integers
