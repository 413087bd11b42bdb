"""Softmax against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError


@pytest.mark.parametrize(
    ("settings", "axis"), [("", 1), ("softmax_param { axis: 2 }", 2), ("softmax_param { axis: -1 }", 3)]
)
def test_values(settings: str, axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)) * 5
    layer, shapes = layer_of(f'type: "Softmax" bottom: "x" top: "y" {settings}', x.shape)
    powers = np.exp(x)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], powers / powers.sum(axis, keepdims=True), rtol=1e-5)


def test_large_scores_do_not_overflow() -> None:
    layer, _ = layer_of('type: "Softmax" bottom: "x" top: "y"', (1, 3))
    np.testing.assert_allclose(run(layer, np.float32([[1000, 0, -1000]]))[0], [[1, 0, 0]])


def test_gradient() -> None:
    layer, _ = layer_of('type: "Softmax" bottom: "x" top: "y"', (2, 4))
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    top = layer.forward([x])[0]
    top[0, 1].backward()
    p = top.detach().numpy()[0]
    want = -p[1] * p
    want[1] += p[1]  # dp1/dxj = p1 (1[j = 1] - pj)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy()[0], want, rtol=1e-5)
    assert not x.grad[1].any()


def test_an_axis_that_is_not_there() -> None:
    with pytest.raises(LayerError, match="axis 2 is outside"):
        layer_of('type: "Softmax" bottom: "x" top: "y" softmax_param { axis: 2 }', (2, 4))
