"""Which rank each layer gets: as named, by the energy that is kept, or by the size that the net may have."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import CompressError
from .low_rank import Factors, factors_of, why_not
from .model import Model

BYTES = 2
"""Of a weight in a blob of Myriad X: FP16."""


def named_ranks(model: Model, ranks: Mapping[str, int]) -> list[tuple[Factors, int]]:
    """Return the layers of --rank with their SVD. Raises CompressError for a layer or a rank that cannot be."""
    chosen = []
    for name, rank in ranks.items():
        layer = model.layer(name, "--rank")
        if reason := why_not(model, layer):
            raise CompressError(f"--rank {name}={rank}: the layer {reason}")
        chosen.append((factors_of(model, layer), rank))
    return chosen


def by_energy(model: Model, energy: float, named: Mapping[str, int]) -> list[tuple[Factors, int]]:
    """Return a rank for each InnerProduct that is not `named`, if that rank makes it smaller.

    Each keeps at least `energy`, a share of the sum of its squared singular values.
    """
    return _useful([(factors, factors.rank_for(energy)) for factors in _candidates(model, named)])


def by_size(model: Model, size: float, named: Mapping[str, int]) -> list[tuple[Factors, int]]:
    """Return ranks with which the weights of the net take at most `size` MB in FP16 (a MB is 1,000,000 bytes).

    They are those of the InnerProducts that are not `named`; layers in `named` count with the ranks given. A singular value
    stays if its share of its layer's energy is worth its weights: the least share for each weight is the same in all layers, and
    as low as the size allows. Raises CompressError if rank 1 is not enough.
    """
    candidates = _candidates(model, named)
    rest = model.numbers()
    for factors, rank in named_ranks(model, named):
        rest += factors.weights(rank) - factors.matrix.size

    def numbers(chosen: Sequence[tuple[Factors, int]]) -> int:
        return rest + sum(factors.weights(rank) - factors.matrix.size for factors, rank in chosen)

    goal = int(size * 1e6 / BYTES)
    if rest <= goal:
        return []
    worths = [factors.worths() for factors in candidates]
    # The more of the least worths are given up, the smaller the net.
    levels = np.unique(np.concatenate([np.zeros(1), *worths, np.full(1, np.inf)])).tolist()

    def at(level: float) -> list[tuple[Factors, int]]:
        ranks = [max(1, int((worth >= level).sum())) for worth in worths]
        return _useful(list(zip(candidates, ranks, strict=True)))

    least = numbers(at(np.inf)) * BYTES / 1e6
    if least > size:
        raise CompressError(
            f"--size {size:g}: with rank 1 in every InnerProduct the weights still take {least:.4g} MB in FP16. Ask for more, or "
            "leave channels out with --channels, or split convolutions with --rank."
        )
    first = bisect_left(range(len(levels)), True, key=lambda index: numbers(at(levels[index])) <= goal)
    return at(levels[first])


def _candidates(model: Model, named: Mapping[str, int]) -> list[Factors]:
    layers = [layer for layer in model.layers() if layer.type == "InnerProduct" and layer.name not in named]
    return [factors_of(model, layer) for layer in layers if not why_not(model, layer)]


def _useful(ranks: Sequence[tuple[Factors, int]]) -> list[tuple[Factors, int]]:
    """Leave out the layers that would not become smaller."""
    return [(factors, rank) for factors, rank in ranks if rank <= factors.largest_useful]
