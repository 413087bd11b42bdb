"""ReLU and Dropout."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from training_layer_kit import layer_of, run

from caffe_io.caffe_pb2 import TEST
from training.errors import LayerError


@pytest.mark.parametrize("slope", [0.0, 0.1, -0.5])
def test_relu(slope: float) -> None:
    x = np.float32([[-2, -0.5, 0, 0.5, 3]])
    layer, _ = layer_of(f'type: "ReLU" bottom: "x" top: "x" relu_param {{ negative_slope: {slope} }}', x.shape)
    np.testing.assert_allclose(run(layer, x)[0], [[-2 * slope, -0.5 * slope, 0, 0.5, 3]])
    bottom = torch.from_numpy(x).requires_grad_()
    layer.forward([bottom])[0].sum().backward()
    assert bottom.grad is not None
    np.testing.assert_allclose(bottom.grad.numpy(), [[slope, slope, slope, 1, 1]])
    np.testing.assert_array_equal(x, [[-2, -0.5, 0, 0.5, 3]])  # in place is a matter of names only


@pytest.mark.parametrize("ratio", [0.5, 0.2, 0.9])
def test_dropout_s_share_and_scale(ratio: float) -> None:
    layer, _ = layer_of(
        f'type: "Dropout" bottom: "x" top: "y" dropout_param {{ dropout_ratio: {ratio} }}', (100, 1000), seed=4
    )
    (top,) = run(layer, np.full((100, 1000), 2, np.float32))
    values, counts = np.unique(top, return_counts=True)
    np.testing.assert_allclose(values, [0, 2 / (1 - ratio)], rtol=1e-6)
    spread = math.sqrt(ratio * (1 - ratio) / 1e5)
    assert abs(counts[0] / 1e5 - ratio) < 5 * spread
    rows = (top == 0).mean(1)
    assert rows.std() == pytest.approx(math.sqrt(ratio * (1 - ratio) / 1000), rel=0.4)  # one draw for each number


def test_dropout_s_gradient_is_its_mask() -> None:
    layer, _ = layer_of('type: "Dropout" bottom: "x" top: "y" dropout_param { dropout_ratio: 0.3 }', (20, 20), seed=1)
    bottom = torch.ones(20, 20, requires_grad=True)
    (top,) = layer.forward([bottom])
    top.sum().backward()
    assert bottom.grad is not None
    assert 0 < int((top == 0).sum()) < 400
    assert torch.equal(bottom.grad, top.detach())


def test_dropout_draws_anew_and_by_the_seed() -> None:
    x = np.ones((10, 10), np.float32)
    text = 'type: "Dropout" bottom: "x" top: "y"'  # ratio 0.5
    first, other, third = (layer_of(text, x.shape, seed=seed)[0] for seed in (7, 7, 8))
    one, two = run(first, x)[0], run(first, x)[0]
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(run(other, x)[0], one)
    assert not np.array_equal(run(third, x)[0], one)


def test_dropout_does_nothing_in_test() -> None:
    x = np.random.default_rng(0).standard_normal((5, 5)).astype(np.float32)
    layer, _ = layer_of('type: "Dropout" bottom: "x" top: "x"', x.shape, phase=TEST)
    np.testing.assert_array_equal(run(layer, x)[0], x)


def test_dropout_of_bf16_stays_bf16() -> None:
    layer, _ = layer_of('type: "Dropout" bottom: "x" top: "x"', (8, 8))
    assert layer.forward([torch.ones(8, 8, dtype=torch.bfloat16)])[0].dtype is torch.bfloat16


@pytest.mark.parametrize("ratio", [-0.1, 1.0])
def test_a_ratio_that_cannot_be(ratio: float) -> None:
    with pytest.raises(LayerError, match="dropout_ratio"):
        layer_of(f'type: "Dropout" bottom: "x" top: "x" dropout_param {{ dropout_ratio: {ratio} }}', (2, 2))
