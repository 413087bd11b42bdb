"""What the numbers of a network mean: one answer for each output, read as the card says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import CardError

if TYPE_CHECKING:
    from .card import Card, Output

SUM_TOLERANCE = 0.02
"""How far probabilities may be from 1 in sum: a stick adds up halves (FP16), 101 of them at most."""


@dataclass(frozen=True)
class Answer:
    """The answer to one task.

    `text` is the class name, or the value with one decimal. `probability` belongs to the class (arg-max only);
    `value` and its standard deviation `spread` are given for an expected value. `probabilities` maps each class name
    (or bin) to its probability, in the card's order.
    """

    network: str
    task: str
    read: str
    text: str
    probabilities: dict[str, float] = field(repr=False)
    probability: float | None = None
    value: float | None = None
    spread: float | None = None


def read_outputs(card: Card, values: Mapping[str, Any]) -> list[Answer]:
    """Read every output of `card` from the arrays in `values` (blob name → numbers of any shape).

    CardError if an output is absent, has another number of values, or does not hold probabilities.
    """
    return [READS[output.read](card, output, _probabilities(card, output, values)) for output in card.outputs]


def _probabilities(card: Card, output: Output, values: Mapping[str, Any]) -> list[float]:
    if output.blob not in values:
        found = ", ".join(sorted(values)) or "none"
        raise CardError(f'{card.path}: the network has no output "{output.blob}"; it has {found}. {_UNLIKE}')
    numbers = [float(v) for v in values[output.blob].ravel()]
    if len(numbers) != output.size:
        names = "classes" if output.classes else "bins"
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {len(numbers)} values, '
            f"the card has {output.size} {names}. {_UNLIKE}"
        )
    # "not (a <= v)" and not "a > v": a NaN fails it too
    if not all(-1e-3 <= v <= 1 + SUM_TOLERANCE for v in numbers) or not abs(sum(numbers) - 1) <= SUM_TOLERANCE:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {min(numbers):.4g} to {max(numbers):.4g}, '
            f"in sum {sum(numbers):.4g}; "
            "wanted probabilities that add up to 1. Name the blob after the Softmax layer on the card"
        )
    return numbers


def _argmax(card: Card, output: Output, numbers: list[float]) -> Answer:
    """The class of the largest probability; the first one of equals, as Caffe's accuracy layer and numpy take it."""
    best = max(range(len(numbers)), key=numbers.__getitem__)
    by_class = dict(zip(output.classes, numbers, strict=True))
    return Answer(card.name, output.task, output.read, output.classes[best], by_class, probability=numbers[best])


def _expected_value(card: Card, output: Output, numbers: list[float]) -> Answer:
    """The mean of the bins, weighted by their probabilities (as DEX reads an apparent age, Rothe et al. 2015)."""
    total = sum(numbers)
    value = sum(p * b for p, b in zip(numbers, output.bins, strict=True)) / total
    spread = max(0.0, sum(p * (b - value) ** 2 for p, b in zip(numbers, output.bins, strict=True)) / total) ** 0.5
    by_bin = {f"{b:g}": p for b, p in zip(output.bins, numbers, strict=True)}
    return Answer(card.name, output.task, output.read, f"{value:.1f}", by_bin, value=value, spread=spread)


_UNLIKE = "Card and network do not belong together: run ./compile2Movidius.sh again"

READS: dict[str, Callable[[Card, Output, list[float]], Answer]] = {"argmax": _argmax, "expected_value": _expected_value}
