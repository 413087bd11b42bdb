"""Which rank each layer gets: as named, by the energy that is kept, or by the size that the net may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import CompressError
from .low_rank import Factors, factors_of, why_not
from .model import Model

BYTES = 2
"""Of a weight in a blob of Myriad X: FP16."""
# Halvings of the share of energy that --size looks for; more than a float64 has digits.
_HALVINGS = 60


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
    return _ranks(_candidates(model, named), energy)


def by_size(model: Model, size: float, named: Mapping[str, int]) -> list[tuple[Factors, int]]:
    """Return ranks with which the weights of the net take at most `size` MB in FP16 (a MB is 1,000,000 bytes).

    All InnerProducts that are not `named` keep the same share of energy, as much as the size allows. `named` layers count
    with the ranks given. Raises CompressError if rank 1 is not enough.
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
    least = _ranks(candidates, 0.0)
    if numbers(least) > goal:
        raise CompressError(
            f"--size {size:g}: with rank 1 in every InnerProduct the weights still take {numbers(least) * BYTES / 1e6:.2f} MB in "
            "FP16. Ask for more, or leave channels out with --channels, or split convolutions with --rank."
        )
    low, high, chosen = 0.0, 1.0, least
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried = _ranks(candidates, middle)
        if numbers(tried) <= goal:
            low, chosen = middle, tried
        else:
            high = middle
    return chosen


def _candidates(model: Model, named: Mapping[str, int]) -> list[Factors]:
    layers = [layer for layer in model.layers() if layer.type == "InnerProduct" and layer.name not in named]
    return [factors_of(model, layer) for layer in layers if not why_not(model, layer)]


def _ranks(candidates: Sequence[Factors], energy: float) -> list[tuple[Factors, int]]:
    ranks = [(factors, factors.rank_for(energy)) for factors in candidates]
    return [(factors, rank) for factors, rank in ranks if rank <= factors.largest_useful]
