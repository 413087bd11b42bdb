"""From numbers to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import ModelCard, read_card
from common.errors import CardError
from inference.answer import read_outputs
from kits.inference import card_of, write_card


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    """Two outputs: gender by arg-max, age over the bins 0, 10, 20."""
    outputs = [
        {"blob": "g", "task": "gender", "read": "argmax", "classes": ["male", "female"]},
        {"blob": "a", "task": "age", "read": "expected_value", "bins": [0, 10, 20]},
    ]
    return read_card(write_card(tmp_path, card_of(outputs=outputs)))


def test_both_ways_to_read(card: ModelCard) -> None:
    gender, age = read_outputs(card, {"a": np.array([[0.25, 0.5, 0.25]]), "g": np.array([[0.3, 0.7]], np.float32)})
    assert (gender.task, gender.text, gender.network) == ("gender", "female", "ColourNet")
    assert gender.probability == pytest.approx(0.7)
    assert gender.probabilities == pytest.approx({"male": 0.3, "female": 0.7})
    assert (gender.value, gender.standard_deviation) == (None, None)
    assert (age.task, age.text, age.probability) == ("age", "10.0", None)
    assert age.value == pytest.approx(10)
    assert age.standard_deviation == pytest.approx(50**0.5)
    assert age.probabilities == {"0": 0.25, "10": 0.5, "20": 0.25}


def test_the_median_of_bins(tmp_path: Path) -> None:
    """Half of the probability lies below 10.4: 0.05 up to 5, and 0.54 of the 0.83 between 5 and 15."""
    outputs = [{"blob": "a", "task": "age", "read": "median", "bins": [0, 10, 20]}]
    card = read_card(write_card(tmp_path, card_of(outputs=outputs)))
    (age,) = read_outputs(card, {"a": np.array([0.05, 0.83, 0.12])})
    assert (age.read, age.text) == ("median", "10.4")
    assert age.value == pytest.approx(5 + 10 * 0.45 / 0.83)
    mean = 10 * 0.83 + 20 * 0.12
    variance = 0.05 * mean**2 + 0.83 * (10 - mean) ** 2 + 0.12 * (20 - mean) ** 2
    assert age.standard_deviation == pytest.approx(variance**0.5)


def test_the_order_of_classes_comes_from_the_card(tmp_path: Path) -> None:
    """UTKFace has 0 = male, IMDB-WIKI 0 = female: the same numbers, the other answer."""
    for classes in (["male", "female"], ["female", "male"]):
        outputs = [{"blob": "g", "task": "gender", "read": "argmax", "classes": classes}]
        card = read_card(write_card(tmp_path, card_of(outputs=outputs)))
        assert read_outputs(card, {"g": np.array([0.9, 0.1])})[0].text == classes[0]


def test_equal_probabilities_give_the_first(card: ModelCard) -> None:
    assert read_outputs(card, {"g": np.array([0.5, 0.5]), "a": np.full(3, 1 / 3)})[0].text == "male"


def test_a_sum_of_halves_is_evened_out(card: ModelCard) -> None:
    """A stick's FP16 probabilities add up to 1 only roughly; the expected value is not to suffer."""
    _, age = read_outputs(card, {"g": np.array([0.5, 0.5]), "a": np.array([0, 0, 0.99])})
    assert age.value == pytest.approx(20)
    assert age.standard_deviation == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"a": [0.5, 0.5, 0], "prob": [1, 0]}, 'has no output "g"; it has a, prob'),
        ({"g": [0.2, 0.3, 0.5], "a": [1, 0, 0]}, "gives 3 values; the card describes 2 classes"),
        ({"g": [1, 0], "a": [1, 0]}, "gives 2 values; the card describes 3 bins"),
        ({"g": [3.5, -2.5], "a": [1, 0, 0]}, 'output "g" gives -2.5 to 3.5, in sum 1; argmax expects probabilities'),
        ({"g": [0.5, 0.2], "a": [1, 0, 0]}, 'output "g" gives 0.2 to 0.5, in sum 0.7; argmax expects probabilities'),
        ({"g": [float("nan"), 1], "a": [1, 0, 0]}, 'output "g" gives'),
    ],
)
def test_numbers_that_do_not_fit_the_card(card: ModelCard, values: dict[str, list[float]], words: str) -> None:
    with pytest.raises(CardError) as caught:
        read_outputs(card, {name: np.array(numbers) for name, numbers in values.items()})
    assert words in str(caught.value)
    assert str(card.path) in str(caught.value)


NUMBERS = [
    {"blob": "v", "task": "age", "read": "value"},
    {"blob": "b", "task": "box", "read": "values", "names": ["left", "top", "width", "height"]},
    {"blob": "m", "task": "map", "read": "raw", "shape": [1, 2, 1, 3]},
]


def test_numbers_that_are_no_probabilities(tmp_path: Path) -> None:
    card = read_card(write_card(tmp_path, card_of(outputs=NUMBERS)))
    values = {"v": np.array([[37.5]]), "b": np.array([[0.1, -0.2, 3, 1e6]]), "m": np.arange(6.0).reshape(1, 2, 1, 3)}
    age, box, heat = read_outputs(card, values)
    assert (age.text, age.value, age.probability, age.values) == ("37.5", 37.5, None, {})
    assert box.text == "left 0.1, top -0.2, width 3, height 1e+06"
    assert box.values == {"left": 0.1, "top": -0.2, "width": 3.0, "height": 1e6}
    assert heat.text == "1x2x1x3, 0 to 5"
    assert heat.array is not None
    np.testing.assert_array_equal(heat.array, values["m"])


def test_of_many_numbers_the_text_has_the_first(tmp_path: Path) -> None:
    names = [str(number) for number in range(20)]
    card = read_card(write_card(tmp_path, card_of(outputs=[{**NUMBERS[1], "names": names}])))
    (answer,) = read_outputs(card, {"b": np.arange(20.0)})
    assert answer.text == "0 0, 1 1, 2 2, 3 3, 4 4, 5 5, 6 6, 7 7 and 12 more"
    assert len(answer.values) == 20


@pytest.mark.parametrize("output", NUMBERS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_no_number(tmp_path: Path, output: dict[str, Any], wrong: float) -> None:
    card = read_card(write_card(tmp_path, card_of(outputs=[output])))
    numbers = np.full(card.outputs[0].size, 1.0)
    numbers[0] = wrong
    with pytest.raises(CardError, match=rf"gives 1 of {numbers.size} numbers that are infinite or NaN"):
        read_outputs(card, {output["blob"]: numbers})
