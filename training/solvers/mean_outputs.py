"""The mean of each of a test net's outputs over several batches."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch

from ..nets.layerwise import Layerwise
from ..nets.net import Net, OutputValue
from .precision import autocast


@torch.no_grad()
def mean_outputs(
    net: Net,
    batches: int,
    precision: str,
    stopped: Callable[[], bool] = lambda: False,
    keep: Collection[str] | None = (),
    after: Callable[[int], None] | None = None,
    layerwise: Layerwise | None = None,
) -> tuple[float, list[OutputValue]] | None:
    """Return the mean loss and the mean of every output over `batches`; None if `stopped` returns True before one of them.

    `keep` and `after` are as in Net.forward. With a `layerwise` of the net the batches run through it.
    """
    loss = 0.0
    sums: list[OutputValue] = []
    for index in range(batches):
        if stopped():
            return None
        with autocast(precision, net.context.device):
            loss += layerwise.forward(after=after) if layerwise else float(net.forward(keep=keep, after=after))
        results = net.results()
        if index == 0:
            sums = results
        else:
            sums = [OutputValue(a.name, a.value + b.value, a.loss_weight) for a, b in zip(sums, results, strict=True)]
    return loss / batches, [OutputValue(each.name, each.value / batches, each.loss_weight) for each in sums]
