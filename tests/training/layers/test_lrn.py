"""LRN against the formula in double precision, its gradient against differences of the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import Doubles, layer_of, run, slope
from training.errors import LayerError

TEXT = 'type: "LRN" bottom: "x" top: "y" lrn_param {{ {} }}'


def by_loops(x: Doubles, size: int, alpha: float, beta: float, k: float) -> Doubles:
    """x / (k + alpha / size * sum of squares of the channels around) ** beta; channels beyond the ends count as 0."""
    top = np.zeros_like(x)
    for channel in range(x.shape[1]):
        around = x[:, max(0, channel - size // 2) : channel + size // 2 + 1]
        top[:, channel] = x[:, channel] / (k + alpha / size * (around**2).sum(1)) ** beta
    return top


SETTINGS = [(5, 1.0, 0.75, 1.0), (5, 0.0001, 0.75, 1.0), (3, 2.0, 0.5, 2.0), (9, 0.5, 1.0, 0.5), (1, 1.0, 0.75, 1.0)]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_values_and_gradient(setting: tuple[int, float, float, float], channels: int) -> None:
    size, alpha, beta, k = setting
    random = np.random.default_rng(channels)
    x, weight = random.standard_normal((2, 2, channels, 2, 3))
    layer, shapes = layer_of(TEXT.format(f"local_size: {size} alpha: {alpha} beta: {beta} k: {k}"), x.shape)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], by_loops(x, *setting), rtol=2e-5, atol=1e-6)
    bottom = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    (layer.forward([bottom])[0] * torch.from_numpy(weight)).sum().backward()
    assert bottom.grad is not None
    want = slope(lambda x: float((by_loops(x, *setting) * weight).sum()), x)
    np.testing.assert_allclose(bottom.grad.numpy(), want, rtol=1e-4, atol=1e-5)


def test_caffe_s_defaults() -> None:
    x = np.random.default_rng(3).standard_normal((1, 8, 2, 2)) * 3
    layer, _ = layer_of('type: "LRN" bottom: "x" top: "y"', x.shape)
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], by_loops(x, 5, 1.0, 0.75, 1.0), rtol=1e-5)


def test_the_bottom_stays_as_it_was() -> None:
    bottom = torch.randn(1, 6, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    before = bottom.detach().clone()
    layer, _ = layer_of('type: "LRN" bottom: "x" top: "y"', bottom.shape)
    (top,) = layer.forward([bottom])
    kept = top.detach().clone()
    top.sum().backward()
    assert torch.equal(bottom.detach(), before)
    assert torch.equal(top.detach(), kept)


def test_within_channel() -> None:
    """Squares beyond the border count as 0; alpha is divided by the whole area; k is 1."""
    x, weight = np.random.default_rng(5).standard_normal((2, 1, 2, 4, 3))

    def by_loops(x: Doubles) -> Doubles:
        top = np.zeros_like(x)
        for n, c, i, j in np.ndindex(x.shape):
            around = x[n, c, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
            top[n, c, i, j] = x[n, c, i, j] / (1 + 0.5 / 9 * (around**2).sum()) ** 0.6
        return top

    layer, shapes = layer_of(
        TEXT.format("norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5 beta: 0.6 k: 7"), x.shape
    )
    assert shapes == [x.shape]
    bottom = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    (top,) = layer.forward([bottom])
    np.testing.assert_allclose(top.detach().numpy(), by_loops(x), rtol=1e-5)
    (top * torch.from_numpy(weight)).sum().backward()
    assert bottom.grad is not None
    want = slope(lambda x: float((by_loops(x) * weight).sum()), x)
    np.testing.assert_allclose(bottom.grad.numpy(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ("local_size: 4", (1, 3, 2, 2), "local_size 4 must be odd"),
        ("", (1, 3), "4 axes"),
    ],
)
def test_settings_that_do_not_fit(settings: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(TEXT.format(settings), shape)
