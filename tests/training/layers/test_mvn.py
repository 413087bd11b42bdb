"""MVN against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

TEXT = 'type: "MVN" bottom: "x" top: "y" mvn_param {{ {} }}'


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
def test_values(across: bool, variance: bool) -> None:
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 4, 5)).astype(np.float32)
    settings = f"across_channels: {across} normalize_variance: {variance} eps: 0.5".lower()
    over = (1, 2, 3) if across else (2, 3)
    want = x - x.mean(over, keepdims=True)
    want = want / (x.std(over, keepdims=True) + 0.5) if variance else want
    layer, shapes = layer_of(TEXT.format(settings), x.shape)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x)[0], want, atol=1e-5)
    assert not layer.blobs


def test_the_top_has_four_axes() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    layer, shapes = layer_of(TEXT.format("across_channels: true"), x.shape)
    (top,) = run(layer, x)
    assert shapes == [top.shape] == [(2, 5, 1, 1)]
    np.testing.assert_allclose(top.std((1, 2, 3)), 1, rtol=1e-4)
    with pytest.raises(LayerError, match="at most 4 axes"):
        layer_of(TEXT.format(""), (1, 2, 3, 4, 5))


def test_gradient() -> None:
    """Exact for a small eps; where all numbers are equal it is finite, and 0 once its mean is taken off."""
    for settings in ("", "across_channels: true", "normalize_variance: false"):
        layer, _ = layer_of(TEXT.format(settings), (2, 2, 3, 2))
        x = torch.randn(2, 2, 3, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
        weights = torch.randn(2, 2, 3, 2, generator=torch.Generator().manual_seed(2))
        (layer.forward([x])[0] * weights).sum().backward()
        assert x.grad is not None
        wide = x.detach().double().requires_grad_()
        over = (1, 2, 3) if "across" in settings else (2, 3)
        want = wide - wide.mean(over, keepdim=True)
        if "false" not in settings:
            want = want / (wide.var(over, correction=0, keepdim=True)).sqrt()
        (want * weights).sum().backward()
        np.testing.assert_allclose(x.grad, wide.grad, atol=1e-5)
    layer, _ = layer_of(TEXT.format("eps: 0.1"), (1, 1, 2, 2))
    flat = torch.full((1, 1, 2, 2), 3.0, requires_grad=True)
    layer.forward([flat])[0].sum().backward()
    assert flat.grad is not None
    np.testing.assert_allclose(flat.grad, np.zeros((1, 1, 2, 2)))
