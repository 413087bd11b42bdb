"""Nets of every kind of output, compiled without a card: the runner reads the card that compile writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.prototxt import to_text
from caffe_io.weights import write_weights
from common.errors import CardError
from inference import Runner
from inference.tensor import to_tensor
from kits.ncs import net_of, run_model, values
from ncs.__main__ import ROOM
from ncs.converter import convert
from ncs.outputs import model_outputs

FC = 'layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ num_output: {} }} }}'
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }'
CONVOLUTION = (
    'layer { name: "fc" type: "Convolution" bottom: "data" top: "fc"'
    " convolution_param { num_output: 3 kernel_size: 3 } }"
)


def weights_of(outputs: int, channels: int = 3) -> dict[str, list[Any]]:
    return {"fc": [values(outputs, channels * 9 * 8) / 100, values(outputs)]}


def write_net(layers: str, weights: dict[str, list[Any]], channels: int = 3, card: Any = None) -> list[str]:
    """Write net, weights and card into the working folder; return compile's options."""
    net = net_of(layers, (1, channels, 9, 8))
    Path("n_deploy.prototxt").write_text(to_text(net))
    write_weights("n.caffemodel", net, weights)
    options = ["compile", "--model", "n_deploy.prototxt", "--weights", "n.caffemodel"]
    if card is None:
        return options
    Path("card.json").write_text(json.dumps(card))
    return [*options, "--card", "card.json"]


@pytest.fixture(autouse=True)
def no_tool_chain(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")


@pytest.mark.parametrize(
    ("layers", "weights", "channels", "read"),
    [
        (FC.format(1), weights_of(1), 3, "value"),
        (FC.format(10), weights_of(10), 3, "values"),
        (FC.format(2) + SOFTMAX, weights_of(2), 3, "argmax"),
        (FC.format(2) + SOFTMAX, weights_of(2, 1), 1, "argmax"),
        (FC.format(1), weights_of(1, 1), 1, "value"),
        (CONVOLUTION, {"fc": [values(3, 3, 3, 3), values(3)]}, 3, "raw"),
    ],
)
def test_the_runner_reads_what_compile_wrote(
    layers: str, weights: dict[str, list[Any]], channels: int, read: str, recwarn: pytest.WarningsRecorder
) -> None:
    ROOM.main(write_net(layers, weights, channels))
    picture = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    with Runner("graph", "CPU") as runner:
        (card,) = runner.cards
        assert card.channel_order == ("GRAY" if channels == 1 else "BGR")
        (answer,) = runner.answer(picture).answers
    assert answer.read == read
    expected = next(iter(run_model("graph/n.xml", to_tensor(picture, card)).values()))
    if read == "value":
        assert answer.value == pytest.approx(float(expected.item()), abs=1e-4)
    elif read == "argmax":
        assert answer.text == str(expected.argmax())
    elif read == "values":
        np.testing.assert_allclose(list(answer.values.values()), expected.ravel(), atol=1e-4)
    else:
        assert answer.array is not None
        np.testing.assert_allclose(answer.array, expected, atol=1e-4)


CARD = {"name": "n", "channel_order": "BGR", "resize": "stretch", "crop_margin": 0}


@pytest.mark.parametrize(
    "reading", [{"read": "argmax", "classes": ["a", "b"]}, {"read": "expected_value", "bins": [1, 2]}]
)
def test_probabilities_without_a_softmax_are_refused(reading: dict[str, Any]) -> None:
    """The runner would refuse them at each picture."""
    options = write_net(FC.format(2), weights_of(2), card={**CARD, "outputs": [{"blob": "fc", "task": "t", **reading}]})
    with pytest.raises(CardError, match=r'card\.json: "fc" is read by .* no Softmax before it.*"read": "value"'):
        ROOM.main(options)
    assert not Path("graph/n.json").exists()


def test_other_ways_to_probabilities() -> None:
    sigmoid = 'layer { name: "s" type: "Sigmoid" bottom: "fc" top: "s" }'
    reading = {"blob": "s", "task": "t", "read": "argmax", "classes": ["a", "b"]}
    ROOM.main(write_net(FC.format(2) + sigmoid, weights_of(2), card={**CARD, "outputs": [reading]}))
    assert Path("graph/n.json").exists()


def test_a_softmax_behind_a_reshape() -> None:
    layers = (
        FC.format(4)
        + SOFTMAX
        + 'layer { name: "flat" type: "Flatten" bottom: "prob" top: "flat" }'
        + 'layer { name: "more" type: "Power" bottom: "fc" top: "more" power_param { scale: 2 } }'
    )
    model = convert(net_of(layers), weights_of(4))
    found = model_outputs(model)
    assert found.shapes == {"flat": [1, 4], "more": [1, 4]}
    assert (found.softmax, found.detections) == ({"flat"}, {})
