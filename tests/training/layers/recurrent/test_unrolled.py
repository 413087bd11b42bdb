"""LSTM and RNN by their formulas; tests/oracle/test_layers_recurrent.py compares them with Caffe."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run, set_blobs
from training.errors import LayerError


def text(kind: str, settings: str = "num_output: 2", bottoms: str = "xc", tops: str = "y") -> str:
    blobs = " ".join([f'bottom: "{name}"' for name in bottoms] + [f'top: "{name}"' for name in tops])
    return f'name: "it" type: "{kind}" {blobs} recurrent_param {{ {settings} }}'


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_lstm_step_by_step() -> None:
    layer, shapes = layer_of(text("LSTM"), (3, 2, 4), (3, 2))
    assert shapes == [(3, 2, 2)]
    weights = [normal(1, 8, 4), normal(2, 8), normal(3, 8, 2)]
    assert [tuple(blob.shape) for blob in layer.blobs] == [blob.shape for blob in weights]
    set_blobs(layer, *weights)
    x, cont = normal(4, 3, 2, 4), np.float32([[1, 1], [1, 0], [1, 1]])
    top = run(layer, x, cont)[0]
    h, c = np.zeros((2, 2)), np.zeros((2, 2))
    for step in range(3):
        on = cont[step][:, None]
        i, f, o, g = np.split(x[step] @ weights[0].T + weights[1] + (h * on) @ weights[2].T, 4, axis=1)
        c = on * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(top[step], h, rtol=1e-4, atol=1e-6)


def test_the_state_goes_on_and_another_number_of_steps_begins_again() -> None:
    layer, _ = layer_of(text("RNN"), (1, 2, 3), (1, 2))
    set_blobs(layer, normal(2, 2, 3), normal(3, 2), normal(4, 2, 2), normal(5, 2, 2), normal(6, 2))
    x, on = normal(1, 1, 2, 3), np.ones((1, 2), np.float32)
    first, second = run(layer, x, on)[0], run(layer, x, on)[0]
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(run(layer, x, 0 * on)[0], first)
    assert layer.reshape([(2, 2, 3), (2, 2)]) == [(2, 2, 2)]
    both = run(layer, np.concatenate([x, x]), np.ones((2, 2), np.float32))[0]
    np.testing.assert_allclose(both, np.concatenate([first, second]), rtol=1e-5)


@pytest.mark.parametrize(
    ("written", "shapes", "message"),
    [
        (text("LSTM"), [(0, 2, 3), (0, 2)], "expected T x N x ..."),
        (text("LSTM"), [(3, 2), (3, 2)], "expected T x N x ..."),
        (text("RNN"), [(3, 2, 4), (2, 3)], "expected T x N x ..."),
        (text("RNN", "num_output: 0"), [(3, 2, 4), (3, 2)], "num_output"),
        (text("RNN", bottoms="xcs"), [(3, 2, 4), (3, 2), (3, 1)], "a row for each sequence"),
        (text("LSTM", tops="yz"), [(3, 2, 4), (3, 2)], "has 2 bottoms and 2 tops; expected x, cont"),
        (
            text("RNN", "num_output: 2 expose_hidden: true", "xch", "yz"),
            [(3, 2, 4), (3, 2), (2, 2, 2)],
            "a state is 2x2x2; expected 1x2x2",
        ),
    ],
)
def test_refused(written: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(written, *shapes)
