"""Layers that compute with each number by itself, against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST
from kits.training_layers import in_double, layer_of, run, set_blobs
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


# Integers.
X = np.linspace(-4, 9, 14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('type: "AbsVal"', np.abs(X)),
        ('type: "BNLL"', np.log(1 + np.exp(X))),
        ('type: "Clip" clip_param { min: -1 max: 2 }', np.clip(X, -1, 2)),
        ('type: "ELU" elu_param { alpha: 0.5 }', np.where(X > 0, X, 0.5 * (np.exp(X) - 1))),
        ('type: "Exp"', np.exp(X)),
        ('type: "Exp" exp_param { base: 2 scale: 0.5 shift: -1 }', 2 ** (-1 + 0.5 * X)),
        ('type: "Log" log_param { base: 10 scale: 2 shift: 9 }', np.log10(9 + 2 * X)),
        ('type: "Power" power_param { power: 3 scale: 0.5 shift: 1 }', (1 + 0.5 * X) ** 3),
        ('type: "Power" power_param { power: 2 scale: 0 shift: 3 }', np.full(14, 9)),
        ('type: "Power" power_param { power: 0 }', np.ones(14)),
        ('type: "ReLU6"', np.clip(X, 0, 6)),
        ('type: "ReLU6" relu_param { negative_slope: 0.1 }', np.clip(X, 0, 6) + 0.1 * np.minimum(X, 0)),
        ('type: "Sigmoid"', 1 / (1 + np.exp(-X))),
        ('type: "Swish"', X / (1 + np.exp(-X))),
        ('type: "Swish" swish_param { beta: 2 }', X / (1 + np.exp(-2 * X))),
        ('type: "TanH"', np.tanh(X)),
        ('type: "Threshold" threshold_param { threshold: 3 }', X > 3),
    ],
)
def test_functions(text: str, expected: np.ndarray) -> None:
    layer, shapes = layer_of(f'{text} bottom: "x" top: "y"', X.shape)
    assert shapes == [X.shape]
    np.testing.assert_allclose(run(layer, X)[0], expected, rtol=1e-6)


def test_gradients_where_slopes_change() -> None:
    """As Caffe has them: Clip lets the gradient through at its ends, ReLU6 does not."""
    for text, at, expected in (
        ('type: "Clip" clip_param { min: -1 max: 2 }', [-1, 2, 2.1], [1, 1, 0]),
        ('type: "ReLU6"', [0, 3, 6], [0, 1, 0]),
        ('type: "ReLU6" relu_param { negative_slope: 0.5 }', [-1, 0, 6], [0.5, 0.5, 0]),
        ('type: "AbsVal"', [-1, 0, 1], [-1, 0, 1]),
    ):
        layer, _ = layer_of(f'{text} bottom: "x" top: "y"', (3,))
        bottom = torch.tensor(at, dtype=torch.float32, requires_grad=True)
        layer.forward([bottom])[0].sum().backward()
        assert bottom.grad is not None
        assert bottom.grad.tolist() == expected, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "AbsVal" top: "x"', "in place"),
        ('type: "Clip" top: "y" clip_param { min: 2 max: 1 }', "clip_param needs"),
        ('type: "Clip" top: "y"', "clip_param needs"),
        ('type: "Exp" top: "y" exp_param { base: 0 }', "base is 0"),
        ('type: "Log" top: "y" log_param { base: -2 }', "base is -2"),
        ('type: "Log" top: "y" log_param { base: 1 }', "base 1 has no logarithms"),
    ],
)
def test_settings_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} bottom: "x"', (3,))


@pytest.mark.parametrize("ratio", [0.5, 0.2, 0.9])
def test_dropout_s_share_and_scale(ratio: float) -> None:
    layer, _ = layer_of(
        f'type: "Dropout" bottom: "x" top: "y" dropout_param {{ dropout_ratio: {ratio} }}', (100, 1000), seed=4
    )
    (top,) = run(layer, np.full((100, 1000), 2, np.float32))
    values, counts = np.unique(top, return_counts=True)
    np.testing.assert_allclose(values, [0, 2 / (1 - ratio)], rtol=1e-6)
    deviation = math.sqrt(ratio * (1 - ratio) / 1e5)
    assert abs(counts[0] / 1e5 - ratio) < 5 * deviation
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


def test_dropout_draws_again_and_by_the_seed() -> None:
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
def test_a_ratio_that_is_refused(ratio: float) -> None:
    with pytest.raises(LayerError, match="dropout_ratio"):
        layer_of(f'type: "Dropout" bottom: "x" top: "x" dropout_param {{ dropout_ratio: {ratio} }}', (2, 2))


PRELU_X = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)


def test_a_slope_for_each_channel() -> None:
    layer, shapes = layer_of('type: "PReLU" bottom: "x" top: "x"', PRELU_X.shape)
    assert shapes == [PRELU_X.shape]
    np.testing.assert_allclose(run(layer, PRELU_X)[0], np.where(PRELU_X > 0, PRELU_X, 0.25 * PRELU_X))
    slopes = np.float32([0.1, -0.5, 2])
    set_blobs(layer, slopes)
    np.testing.assert_allclose(
        run(layer, PRELU_X)[0], np.where(PRELU_X > 0, PRELU_X, slopes[:, None] * PRELU_X), rtol=1e-6
    )


def test_one_slope_for_all() -> None:
    text = 'type: "PReLU" bottom: "x" top: "x" prelu_param { channel_shared: true filler { value: 0.5 } }'
    layer, _ = layer_of(text, PRELU_X.shape)
    assert layer.blobs[0].shape == ()
    np.testing.assert_allclose(run(layer, PRELU_X)[0], np.where(PRELU_X > 0, PRELU_X, 0.5 * PRELU_X))


def test_gradient() -> None:
    layer, _ = layer_of('type: "PReLU" bottom: "x" top: "y"', PRELU_X.shape)
    in_double(layer)
    x = torch.from_numpy(PRELU_X).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, _: layer.forward([x])[0], (x, *layer.blobs))


def test_a_bottom_without_channels() -> None:
    with pytest.raises(LayerError, match="2 or more axes"):
        layer_of('type: "PReLU" bottom: "x" top: "y"', (3,))


def test_dropout_of_a_fork_that_scales_in_test() -> None:
    """scale_train: false of py-faster-rcnn's Caffe: whole numbers in TRAIN, the kept share of them in TEST."""
    text = 'type: "Dropout" bottom: "x" top: "y" dropout_param { dropout_ratio: 0.25 scale_train: false }'
    x = np.arange(1, 1001, dtype=np.float32)
    layer, _ = layer_of(text, x.shape, phase=TEST)
    np.testing.assert_allclose(run(layer, x)[0], 0.75 * x, rtol=1e-6)
    layer, _ = layer_of(text, x.shape)
    top = run(layer, x)[0]
    assert set(np.unique(top / x)) == {0, 1}
    assert 700 < (top > 0).sum() < 800
