"""LSTMUnit: one step of the LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import Layer, Shape, shape_list
from ..gradients import without_gradient


class LSTMUnit(Layer):
    """Compute c and h, both 1 x N x C, from c before (1 x N x C), the inputs of the gates (1 x N x 4C) and cont (1 x N)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        cell, gates, cont = shapes
        if len(cell) != 3 or cell[0] != 1 or gates != (*cell[:2], 4 * cell[2]) or cont != cell[:2]:
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes)}; expected 1 x N x C, 1 x N x 4C and 1 x N."
            )
        return [cell, cell]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        cell, gates, cont = bottoms
        new, top = unit_step(cell.float(), gates.float(), cont.detach().float().unsqueeze(-1))
        return [without_gradient(self, blob, cont) for blob in (new, top)]


def unit_step(cell: Tensor, gates: Tensor, goes_on: Tensor) -> tuple[Tensor, Tensor]:
    """Return c and h after one step, from c before, the inputs of the gates i, f, o, g, and cont, all with C last."""
    new, top = _Unit.apply(cell, gates, goes_on)  # type: ignore[no-untyped-call]
    return new, top


class _Unit(torch.autograd.Function):
    """One step, for gates i, f, o, g in this order, with the derivative by Caffe's formula.

    That formula takes f times cont for the sigmoid, so it is the derivative where cont is 0 or 1.
    """

    @staticmethod
    def forward(ctx: Any, cell: Tensor, gates: Tensor, goes_on: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o = (part.sigmoid() for part in gates.chunk(4, -1)[:3])
        g = gates.chunk(4, -1)[3].tanh()
        f = f * goes_on
        new = f * cell + i * g
        squashed = new.tanh()
        ctx.save_for_backward(cell, i, f, o, g, squashed)
        return new, o * squashed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        cell, i, f, o, g, squashed = ctx.saved_tensors
        by_cell, by_top = gradients
        term = by_cell + by_top * o * (1 - squashed * squashed)
        parts = (
            term * g * i * (1 - i),
            term * cell * f * (1 - f),
            by_top * squashed * o * (1 - o),
            term * i * (1 - g * g),
        )
        return term * f, torch.cat(parts, -1), None
