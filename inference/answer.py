"""What the numbers of a network mean: one answer for each output, read as the card says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import CardError

if TYPE_CHECKING:
    from common.card import BinOutput, ClassOutput, ModelCard, OutputEntry

SUM_TOLERANCE = 0.02
"""How far from 1 the sum of probabilities may be. A stick adds up half-precision numbers, at most 101 of them."""

_RECOMPILE = "The card and the network do not belong together. Run ./compile2Movidius.sh again."


@dataclass(frozen=True)
class Answer:
    """The answer to one task.

    `text` is the class name, or the value with one decimal. A class has a `probability`. An expected value has a `value`
    and its `standard_deviation`. `probabilities` maps each class name (or bin) to its probability, in the card's order.
    """

    network: str
    task: str
    read: str
    text: str
    probabilities: dict[str, float] = field(repr=False)
    probability: float | None = None
    value: float | None = None
    standard_deviation: float | None = None


def read_outputs(card: ModelCard, values: Mapping[str, Any]) -> list[Answer]:
    """Read every output of `card` from the arrays in `values` (blob -> numbers of any shape).

    Raises CardError if an output is missing, has another number of values, or does not hold probabilities.
    """
    return [READERS[output.read](card.name, output, _probabilities(card, output, values)) for output in card.outputs]


def _probabilities(card: ModelCard, output: OutputEntry, values: Mapping[str, Any]) -> list[float]:
    """Return the values of an output as floats. Raises CardError as `read_outputs` does."""
    if output.blob not in values:
        found = ", ".join(sorted(values)) or "no output"
        raise CardError(f'{card.path}: the network has no output "{output.blob}"; it has {found}. {_RECOMPILE}')
    numbers = [float(value) for value in values[output.blob].ravel()]
    if len(numbers) != output.size:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {len(numbers)} values; '
            f"expected one for each of the card's {output.size} {output.values_key}. {_RECOMPILE}"
        )
    # Written as "not (a <= v)" rather than "a > v", so that a NaN fails too.
    if not all(-1e-3 <= v <= 1 + SUM_TOLERANCE for v in numbers) or not abs(sum(numbers) - 1) <= SUM_TOLERANCE:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {min(numbers):.4g} to {max(numbers):.4g}, '
            f"in sum {sum(numbers):.4g}; "
            "expected probabilities that add up to 1. Name the blob after the Softmax layer on the card."
        )
    return numbers


def _most_probable(network: str, output: ClassOutput, numbers: list[float]) -> Answer:
    """Take the class of the largest probability. Of equals it is the first, as in Caffe's Accuracy layer and numpy."""
    best = max(range(len(numbers)), key=numbers.__getitem__)
    by_class = dict(zip(output.classes, numbers, strict=True))
    return Answer(network, output.task, output.read, output.classes[best], by_class, probability=numbers[best])


def _expected_value(network: str, output: BinOutput, numbers: list[float]) -> Answer:
    """Take the mean of the bins, weighted by their probabilities, as DEX reads an apparent age (Rothe et al. 2015)."""
    bins = [float(value) for value in output.bins]
    total = sum(numbers)
    value = sum(p * b for p, b in zip(numbers, bins, strict=True)) / total
    variance = sum(p * (b - value) ** 2 for p, b in zip(numbers, bins, strict=True)) / total
    deviation = max(0.0, variance) ** 0.5
    by_bin = {f"{b:g}": p for b, p in zip(bins, numbers, strict=True)}
    return Answer(network, output.task, output.read, f"{value:.1f}", by_bin, value=value, standard_deviation=deviation)


READERS: dict[str, Callable[[str, Any, list[float]], Answer]] = {
    "argmax": _most_probable,
    "expected_value": _expected_value,
}
