"""Reduction and ArgMax."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

X = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", X.sum()),
        ("axis: 1 coeff: 2", 2 * X.sum((1, 2))),
        ("axis: -1 operation: ASUM", np.abs(X).sum(2)),
        ("axis: -1 operation: SUMSQ coeff: 0.5", (X**2).sum(2) / 2),
        ("axis: 1 operation: MEAN", X.mean((1, 2))),
    ],
)
def test_reduction(settings: str, expected: np.ndarray) -> None:
    layer, shapes = layer_of(f'type: "Reduction" bottom: "x" top: "y" reduction_param {{ {settings} }}', X.shape)
    assert shapes == [np.shape(expected)]
    np.testing.assert_allclose(run(layer, X)[0], expected, rtol=1e-5)


SCORES = np.float32([[0, 3, 1, 3], [2, 2, 2, 0]])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Of equal ones the last.
        ("", [[[3]], [[2]]]),
        ("top_k: 3", [[[3, 1, 2]], [[2, 1, 0]]]),
        ("top_k: 2 out_max_val: true", [[[3, 1], [3, 3]], [[2, 1], [2, 2]]]),
        ("axis: 1 top_k: 2", [[3, 1], [2, 1]]),
        ("axis: 1 out_max_val: true", [[3], [2]]),
        ("axis: 0", [[1, 0, 1, 0]]),
    ],
)
def test_argmax(settings: str, expected: list[object]) -> None:
    layer, shapes = layer_of(f'type: "ArgMax" bottom: "x" top: "y" argmax_param {{ {settings} }}', SCORES.shape)
    assert shapes == [np.shape(expected)]
    np.testing.assert_array_equal(run(layer, SCORES)[0], expected)


@pytest.mark.parametrize("settings", ["top_k: 0", "top_k: 5", "axis: 0 top_k: 3", "axis: 2"])
def test_settings_that_do_not_fit(settings: str) -> None:
    with pytest.raises(LayerError, match=r"top_k is|axis 2 is outside"):
        layer_of(f'type: "ArgMax" bottom: "x" top: "y" argmax_param {{ {settings} }}', SCORES.shape)


@pytest.mark.parametrize("text", ['type: "ArgMax"', 'type: "Threshold"'])
def test_a_gradient_through_it_is_refused(text: str) -> None:
    layer, _ = layer_of(f'{text} bottom: "x" top: "y"', SCORES.shape)
    bottom = torch.from_numpy(SCORES.copy()).requires_grad_()
    (top,) = layer.forward([bottom])
    with pytest.raises(LayerError, match=r'layer "it".* has no gradient.*propagate_down: false'):
        top.sum().backward()
