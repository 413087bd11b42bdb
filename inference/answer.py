"""What the numbers of a network mean: one answer for each output, read as the card says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from common.errors import CardError
from common.messages import COMPILE_AGAIN, shape_text
from host.bins import READINGS as BINS
from host.detections import boxes_in_picture, kept_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import (
        BinOutput,
        ClassOutput,
        DetectionsOutput,
        ModelCard,
        OutputEntry,
        RawOutput,
        ValueOutput,
        ValuesOutput,
    )

SUM_TOLERANCE = 0.02
"""How far from 1 the sum of probabilities may be. A stick adds up half-precision numbers, at most 101 of them."""
MOST_SHOWN = 8
"""How many of an output's numbers its text shows."""
ROW = 7
"""Numbers of a detection."""

_OTHER_NETWORK = f"The card and the network do not belong together. {COMPILE_AGAIN}"


@dataclass(frozen=True)
class Detection:
    """A thing that a network has found in a picture: its class, the number of the class, and how sure the network is.

    `box` is left, top, width, height in pixels of the picture, beyond which it may reach.
    """

    name: str
    label: int
    score: float
    box: tuple[float, float, float, float]

    @property
    def rounded_box(self) -> tuple[int, int, int, int]:
        """The box in whole pixels."""
        left, top, width, height = self.box
        return round(left), round(top), max(1, round(width)), max(1, round(height))


@dataclass(frozen=True)
class Answer:
    """The answer to one task.

    `text` is for people: the class name, the value with one decimal, or the first numbers. `read` says what else there is:

    argmax          `probability`, and `probabilities`: class name -> probability, in the card's order
    expected_value  `value` with its `standard_deviation`, and `probabilities`: bin -> probability
    median          the same
    value           `value`
    values          `values`: name -> number, in the card's order
    raw             `array`, float32 in the shape that the card says
    detections      `detections`, surest first
    """

    network: str
    task: str
    read: str
    text: str
    probabilities: dict[str, float] = field(default_factory=dict, repr=False)
    probability: float | None = None
    value: float | None = None
    standard_deviation: float | None = None
    values: dict[str, float] = field(default_factory=dict, repr=False)
    array: NDArray[np.float32] | None = field(default=None, repr=False)
    detections: tuple[Detection, ...] = ()


def averaged(before: Answer, now: Answer, weight: float) -> Answer:
    """Return the mean of two answers of one network and task, in which `now` counts `weight` (0 to 1) and `before` the rest.

    Numbers of `raw` are not averaged: they may be places, or numbers of things. Detections are not the same ones.
    """
    if now.read in ("raw", "detections"):
        return now
    shares = _mixed(before.probabilities, now.probabilities, weight)
    if now.read == "argmax":
        best = max(shares, key=shares.__getitem__)
        return replace(now, text=best, probabilities=shares, probability=shares[best])
    if now.read in BINS:
        return _binned(now, shares)
    if now.value is not None and before.value is not None:
        value = before.value + weight * (now.value - before.value)
        return replace(now, text=f"{value:.4g}", value=value)
    values = _mixed(before.values, now.values, weight)
    return replace(now, text=_first_of(values), values=values)


def _mixed(before: Mapping[str, float], now: Mapping[str, float], weight: float) -> dict[str, float]:
    return {name: before[name] + weight * (number - before[name]) for name, number in now.items()}


def _binned(answer: Answer, shares: dict[str, float]) -> Answer:
    """Return the answer with these probabilities of its bins, and what follows from them."""
    bins, probabilities = [float(name) for name in shares], list(shares.values())
    value = float(BINS[answer.read](bins, probabilities))
    mean = float(BINS["expected_value"](bins, probabilities))
    variance = sum(p * (each - mean) ** 2 for each, p in zip(bins, probabilities, strict=True)) / sum(probabilities)
    deviation = max(0.0, variance) ** 0.5
    return replace(answer, text=f"{value:.1f}", probabilities=shares, value=value, standard_deviation=deviation)


def read_outputs(card: ModelCard, values: Mapping[str, Any], size: tuple[int, int] | None = None) -> list[Answer]:
    """Read every output of `card` from the arrays in `values` (blob -> numbers of any shape).

    `size` is width and height of the picture that was shown, in whose pixels boxes are given; by default those of the input.

    Raises CardError if an output is missing, has another number of values, or does not hold what its `read` needs:
    probabilities, or numbers that are finite.
    """
    answers = []
    for output in card.outputs:
        numbers = _numbers(card, output, values)
        answers.append(_placed(READERS[output.read](card, output, numbers), size or card.input.shape[:-3:-1]))
    return answers


def _numbers(card: ModelCard, output: OutputEntry, values: Mapping[str, Any]) -> NDArray[Any]:
    """Return the values of an output in a row. Raises CardError as `read_outputs` does."""
    if output.blob not in values:
        found = ", ".join(sorted(values)) or "no output"
        raise CardError(f'{card.path}: the network has no output "{output.blob}"; it has {found}. {_OTHER_NETWORK}')
    numbers: NDArray[Any] = values[output.blob].ravel()
    # Only some devices fill up the rows of detections that there are not.
    fewer = output.read == "detections" and 0 < len(numbers) < output.size and len(numbers) % ROW == 0
    if len(numbers) != output.size and not fewer:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {len(numbers)} values; the card describes {output.what}. '
            f"{_OTHER_NETWORK}"
        )
    return numbers


def _probabilities(card: ModelCard, output: OutputEntry, numbers: NDArray[Any]) -> list[float]:
    """Return numbers that are probabilities. Raises CardError if they are not."""
    shares = [float(number) for number in numbers]
    # Written as "not (a <= v)" rather than "a > v", so that a NaN fails too.
    if not all(-1e-3 <= v <= 1 + SUM_TOLERANCE for v in shares) or not abs(sum(shares) - 1) <= SUM_TOLERANCE:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {min(shares):.4g} to {max(shares):.4g}, '
            f"in sum {sum(shares):.4g}; {output.read} expects probabilities that add up to 1. "
            'Name the blob of a Softmax layer on the card, or read this one with "read": "values".'
        )
    return shares


def _finite(card: ModelCard, output: OutputEntry, numbers: NDArray[Any]) -> list[float]:
    """Return numbers none of which is infinite or NaN. Raises CardError if one is."""
    import numpy as np

    wrong = int(np.count_nonzero(~np.isfinite(numbers)))
    if wrong:
        raise CardError(
            f'{card.path}: output "{output.blob}" gives {wrong} of {len(numbers)} numbers that are infinite or NaN. '
            "The picture is out of the net's range, or its training diverged. Try --device CPU, which computes in f32."
        )
    return [float(number) for number in numbers]


def _most_probable(card: ModelCard, output: ClassOutput, numbers: NDArray[Any]) -> Answer:
    """Take the class of the largest probability. Of equals it is the first, as in Caffe's Accuracy layer and numpy."""
    shares = _probabilities(card, output, numbers)
    best = max(range(len(shares)), key=shares.__getitem__)
    by_class = dict(zip(output.classes, shares, strict=True))
    return Answer(card.name, output.task, output.read, output.classes[best], by_class, probability=shares[best])


def _number_of_bins(card: ModelCard, output: BinOutput, numbers: NDArray[Any]) -> Answer:
    """Take the mean of the bins, as DEX reads an apparent age (Rothe et al. 2015), or their median."""
    shares = _probabilities(card, output, numbers)
    by_bin = {_bin_name(float(value)): p for value, p in zip(output.bins, shares, strict=True)}
    return _binned(Answer(card.name, output.task, output.read, ""), by_bin)


def _bin_name(value: float) -> str:
    """Write a bin as people do, but so that it is the same number when it is read again."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _value(card: ModelCard, output: ValueOutput, numbers: NDArray[Any]) -> Answer:
    """Take the number itself."""
    (value,) = _finite(card, output, numbers)
    return Answer(card.name, output.task, output.read, f"{value:.4g}", value=value)


def _values(card: ModelCard, output: ValuesOutput, numbers: NDArray[Any]) -> Answer:
    """Give each number its name."""
    values = dict(zip(output.names, _finite(card, output, numbers), strict=True))
    return Answer(card.name, output.task, output.read, _first_of(values), values=values)


def _raw(card: ModelCard, output: RawOutput, numbers: NDArray[Any]) -> Answer:
    """Hand the numbers on in their shape."""
    array = numbers.reshape(output.shape)
    finite = _finite(card, output, numbers)
    text = f"{shape_text(output.shape)}, {min(finite):.4g} to {max(finite):.4g}"
    return Answer(card.name, output.task, output.read, text, array=array)


def _detections(card: ModelCard, output: DetectionsOutput, numbers: NDArray[Any]) -> Answer:
    """Give each row the name of its class. Boxes are shares of the picture; those without area, or outside, are left out."""
    rows = kept_rows(numbers, output)
    _finite(card, output, rows.ravel())
    boxes = boxes_in_picture(rows[:, 3:], output, card.input, 1, 1)
    found = []
    for (_, label, score, *_), box in zip(rows.tolist(), boxes.tolist(), strict=True):
        if not 0 <= label < len(output.classes):
            raise CardError(
                f'{card.path}: output "{output.blob}" found a thing of label {label:g}; the card names '
                f"{len(output.classes)} classes, from 0 on. {_OTHER_NETWORK}"
            )
        left, top, across, down = box
        if across > 0 and down > 0 and left < 1 and top < 1 and left + across > 0 and top + down > 0:
            found.append(Detection(output.classes[int(label)], int(label), score, tuple(box)))
    counts = Counter(detection.name for detection in found)
    text = ", ".join(f"{count} x {name}" for name, count in counts.most_common(MOST_SHOWN)) or "nothing"
    more = len(counts) - MOST_SHOWN
    text += f" and {more} more classes" if more > 0 else ""
    return Answer(card.name, output.task, output.read, text, detections=tuple(found))


def _placed(answer: Answer, size: Sequence[int]) -> Answer:
    """Return an answer whose boxes are in pixels of a picture of `size`: width and height."""
    if not answer.detections:
        return answer
    width, height = size
    placed = []
    for each in answer.detections:
        left, top, across, down = each.box
        placed.append(replace(each, box=(left * width, top * height, across * width, down * height)))
    return replace(answer, detections=tuple(placed))


def _first_of(values: Mapping[str, float]) -> str:
    """Write the first numbers with their names, and how many more there are."""
    shown: Sequence[str] = [f"{name} {value:.4g}" for name, value in list(values.items())[:MOST_SHOWN]]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


READERS: dict[str, Callable[[ModelCard, Any, NDArray[Any]], Answer]] = {
    "argmax": _most_probable,
    "expected_value": _number_of_bins,
    "median": _number_of_bins,
    "value": _value,
    "values": _values,
    "raw": _raw,
    "detections": _detections,
}
