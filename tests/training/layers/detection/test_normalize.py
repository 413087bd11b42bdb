"""Normalize against its formula; tests/oracle/test_ssd_layers.py compares it with other programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import in_double, layer_of, run, set_blobs
from training.errors import LayerError

X = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize(("across", "axes"), [("true", (1, 2, 3)), ("false", (1,))])
@pytest.mark.parametrize("shared", [True, False])
def test_the_formula(across: str, axes: tuple[int, ...], shared: bool) -> None:
    param = f"norm_param {{ across_spatial: {across} channel_shared: {str(shared).lower()} eps: 0.5 }}"
    layer, shapes = layer_of(f'type: "Normalize" bottom: "x" top: "y" {param}', X.shape)
    assert shapes == [X.shape]
    assert [tuple(blob.shape) for blob in layer.blobs] == [() if shared else (3,)]
    norm = np.sqrt((X.astype(np.float64) ** 2).sum(axes, keepdims=True) + 0.5)
    np.testing.assert_allclose(run(layer, X)[0], X / norm, rtol=1e-5)
    factor = np.float32(2.5) if shared else np.float32([2, -1, 0.5])
    set_blobs(layer, factor)
    np.testing.assert_allclose(run(layer, X)[0], X / norm * np.reshape(factor, (-1, 1, 1)), rtol=1e-5)


def test_the_filler_and_the_gradient() -> None:
    param = 'norm_param { across_spatial: false channel_shared: false scale_filler { type: "constant" value: 20 } }'
    layer, _ = layer_of(f'type: "Normalize" bottom: "x" top: "y" {param}', (1, 3, 2, 2))
    assert layer.blobs[0].tolist() == [20, 20, 20]
    assert layer.filled_by_prototxt
    bottom = torch.from_numpy(X[:1, :, :2, :2].astype(np.float64)).requires_grad_()
    in_double(layer)
    assert torch.autograd.gradcheck(lambda x: layer.forward([x])[0], (bottom,), atol=1e-2, eps=1e-3)


def test_a_net_that_does_not_say_what_is_normalised_is_refused() -> None:
    with pytest.raises(LayerError, match=r"has no norm_param, and its bottom is 2x3x4x5\. Forks disagree"):
        layer_of('type: "Normalize" bottom: "x" top: "y"', X.shape)
    layer, _ = layer_of('type: "Normalize" bottom: "x" top: "y"', (2, 3))
    np.testing.assert_allclose(np.linalg.norm(run(layer, X[:, :, 0, 0])[0], axis=1), 1, rtol=1e-6)
