"""Crop."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
TEXT = 'type: "Crop" bottom: "x" bottom: "like" top: "y" crop_param {{ {} }}'


@pytest.mark.parametrize(
    ("settings", "like", "want"),
    [
        ("", (9, 9, 2, 3), X[:, :, :2, :3]),
        ("offset: 1", (1, 1, 3, 4), X[:, :, 1:4, 1:5]),
        ("offset: 2 offset: 0", (1, 1, 1, 4), X[:, :, 2:3, :4]),
        ("axis: -1 offset: 4", (1, 1, 1, 1), X[..., 4:]),
        ("axis: 0", (1, 2, 3, 4), X[:1, :2, :3, :4]),
    ],
)
def test_values(settings: str, like: tuple[int, ...], want: np.ndarray) -> None:
    layer, shapes = layer_of(TEXT.format(settings), X.shape, like)
    assert shapes == [want.shape]
    np.testing.assert_array_equal(run(layer, X, np.zeros(like, np.float32))[0], want)


@pytest.mark.parametrize(
    ("settings", "like", "message"),
    [
        ("offset: 3", (1, 1, 2, 2), "cannot cut 2 from 3 on out of axis 2"),
        ("axis: 1 offset: 1 offset: 1", (1, 1, 2, 2), "has 2 offsets"),
        ("", (1, 2, 2), "fewer axes"),
    ],
)
def test_settings_that_do_not_fit(settings: str, like: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(TEXT.format(settings), X.shape, like)
