"""PReLU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import in_double, layer_of, run, set_blobs
from training.errors import LayerError

X = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)


def test_a_slope_for_each_channel() -> None:
    layer, shapes = layer_of('type: "PReLU" bottom: "x" top: "x"', X.shape)
    assert shapes == [X.shape]
    np.testing.assert_allclose(run(layer, X)[0], np.where(X > 0, X, 0.25 * X))
    slopes = np.float32([0.1, -0.5, 2])
    set_blobs(layer, slopes)
    np.testing.assert_allclose(run(layer, X)[0], np.where(X > 0, X, slopes[:, None] * X), rtol=1e-6)


def test_one_slope_for_all() -> None:
    text = 'type: "PReLU" bottom: "x" top: "x" prelu_param { channel_shared: true filler { value: 0.5 } }'
    layer, _ = layer_of(text, X.shape)
    assert layer.blobs[0].shape == ()
    np.testing.assert_allclose(run(layer, X)[0], np.where(X > 0, X, 0.5 * X))


def test_gradient() -> None:
    layer, _ = layer_of('type: "PReLU" bottom: "x" top: "y"', X.shape)
    in_double(layer)
    x = torch.from_numpy(X).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, _: layer.forward([x])[0], (x, *layer.blobs))


def test_a_bottom_without_channels() -> None:
    with pytest.raises(LayerError, match="2 or more axes"):
        layer_of('type: "PReLU" bottom: "x" top: "y"', (3,))
