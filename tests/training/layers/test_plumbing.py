"""Parameter, Silence and Split."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run, set_blobs
from training.errors import LayerError


def test_parameter() -> None:
    layer, shapes = layer_of('type: "Parameter" top: "y" parameter_param { shape { dim: 2 dim: 3 } }')
    assert shapes == [(2, 3)]
    np.testing.assert_array_equal(run(layer)[0], np.zeros((2, 3)))
    set_blobs(layer, np.ones((2, 3)))
    (top,) = layer.forward([])
    top.sum().backward()
    assert layer.blobs[0].grad is not None
    assert layer.blobs[0].grad.tolist() == [[1] * 3] * 2
    with pytest.raises(LayerError, match="at least 1"):
        layer_of('type: "Parameter" top: "y" parameter_param { shape { dim: 0 } }')


def test_silence() -> None:
    layer, shapes = layer_of('type: "Silence" bottom: "a" bottom: "b"', (2,), (3,))
    assert shapes == []
    assert run(layer, np.zeros(2), np.zeros(3)) == []


def test_split() -> None:
    layer, shapes = layer_of('type: "Split" bottom: "x" top: "a" top: "b"', (2, 3))
    assert shapes == [(2, 3)] * 2
    x = np.random.default_rng(0).standard_normal((2, 3))
    for top in run(layer, x):
        np.testing.assert_array_equal(top, x)
    with pytest.raises(LayerError, match="in place"):
        layer_of('type: "Split" bottom: "x" top: "x"', (2, 3))
