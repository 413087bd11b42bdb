"""From numbers to answers."""

from __future__ import annotations

from pathlib import Path

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
        ({"g": [0.2, 0.3, 0.5], "a": [1, 0, 0]}, "gives 3 values; expected one for each of the card's 2 classes"),
        ({"g": [1, 0], "a": [1, 0]}, "gives 2 values; expected one for each of the card's 3 bins"),
        ({"g": [3.5, -2.5], "a": [1, 0, 0]}, 'output "g" gives -2.5 to 3.5, in sum 1; expected probabilities'),
        ({"g": [0.5, 0.2], "a": [1, 0, 0]}, 'output "g" gives 0.2 to 0.5, in sum 0.7; expected probabilities'),
        ({"g": [float("nan"), 1], "a": [1, 0, 0]}, 'output "g" gives'),
    ],
)
def test_numbers_that_do_not_fit_the_card(card: ModelCard, values: dict[str, list[float]], words: str) -> None:
    with pytest.raises(CardError) as caught:
        read_outputs(card, {name: np.array(numbers) for name, numbers in values.items()})
    assert words in str(caught.value)
    assert str(card.path) in str(caught.value)
