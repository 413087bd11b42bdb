"""Flatten, Reshape and Permute."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('type: "Flatten"', (2, 60)),
        ('type: "Flatten" flatten_param { axis: 0 }', (120,)),
        ('type: "Flatten" flatten_param { axis: 1 end_axis: 2 }', (2, 12, 5)),
        ('type: "Flatten" flatten_param { axis: -2 end_axis: -3 }', (2, 3, 1, 4, 5)),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 } }', (2, 60)),
        ('type: "Reshape" reshape_param { shape { dim: -1 dim: 0 dim: 2 } }', (20, 3, 2)),
        ('type: "Reshape" reshape_param { axis: 1 num_axes: 2 shape { dim: -1 dim: 2 } }', (2, 6, 2, 5)),
        ('type: "Reshape" reshape_param { axis: -1 shape { dim: 1 } }', (2, 3, 4, 5, 1)),
    ],
)
def test_the_numbers_stay_in_order(text: str, want: tuple[int, ...]) -> None:
    layer, shapes = layer_of(f'{text} bottom: "x" top: "y"', X.shape)
    assert shapes == [want]
    np.testing.assert_array_equal(run(layer, X)[0], X.reshape(want))


@pytest.mark.parametrize(
    ("order", "want"), [("order: 0 order: 2 order: 3 order: 1", (0, 2, 3, 1)), ("order: 3", (3, 0, 1, 2))]
)
def test_permute(order: str, want: tuple[int, ...]) -> None:
    layer, shapes = layer_of(f'type: "Permute" bottom: "x" top: "y" permute_param {{ {order} }}', X.shape)
    assert shapes == [X.transpose(want).shape]
    np.testing.assert_array_equal(run(layer, X)[0], X.transpose(want))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "Flatten" top: "x"', "in place"),
        ('type: "Flatten" top: "y" flatten_param { axis: 3 end_axis: 1 }', "end_axis 1 is before axis 3"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: 7 dim: -1 } }', "wanted 120 numbers in all"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: -1 dim: -1 } }', "at most one -1"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: -2 dim: -60 } }', "wanted 120 numbers in all"),
        ('type: "Reshape" top: "y" reshape_param { axis: 3 shape { dim: 5 dim: 0 } }', "has no axis there"),
        ('type: "Reshape" top: "y" reshape_param { axis: 2 num_axes: 3 shape { dim: -1 } }', "do not fit"),
        ('type: "Permute" top: "y" permute_param { order: 1 order: 1 }', "each once"),
        ('type: "Permute" top: "y" permute_param { order: 4 }', "each once"),
    ],
)
def test_settings_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} bottom: "x"', X.shape)
