"""LRN, BatchNorm, Scale and Softmax against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.ncs import pixels, run_net, values
from ncs.errors import ConversionError


def layer(kind: str, param: str = "", name: str = "n") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "data" top: "{name}" {param} }}'


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"), [(5, 1e-4, 0.75, 1.0), (3, 0.02, 0.5, 2.0), (5, 0.1, 0.75, 1.5), (1, 0.5, 1.0, 1.0)]
)
def test_lrn_divides_alpha_by_the_size(size: int, alpha: float, beta: float, k: float) -> None:
    picture = pixels((1, 8, 3, 4))
    param = f"lrn_param {{ local_size: {size} alpha: {alpha} beta: {beta} k: {k} }}"
    got = run_net(layer("LRN", param), picture)["n"]
    x = picture.astype(np.float64) - 128
    expected = np.empty_like(x)
    for channel in range(8):
        near = x[:, max(0, channel - size // 2) : channel + size // 2 + 1]
        expected[:, channel] = x[:, channel] / (k + alpha / size * (near**2).sum(axis=1)) ** beta
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("param", "words"), [("local_size: 4", "local_size 4 must be odd"), ("k: 0", "k is 0; expected")]
)
def test_lrn_that_is_refused(param: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        run_net(layer("LRN", f"lrn_param {{ {param} }}"), pixels())


@pytest.mark.parametrize("count", [1.0, 0.25, 999.98, 0.0])
def test_batch_norm_divides_its_sums(count: float) -> None:
    picture = pixels((1, 4, 5, 6))
    mean, variance = values(4) * 50, np.abs(values(4, seed=2)) * 900 + 1
    stored = [mean * count, variance * count, np.array([count], np.float32)]
    got = run_net(layer("BatchNorm", "batch_norm_param { eps: 0.01 }"), picture, {"n": stored})["n"]
    if count == 0:  # nothing was ever summed: Caffe takes mean 0, variance 0
        mean, variance = np.zeros(4, np.float32), np.zeros(4, np.float32)
    expected = torch.nn.functional.batch_norm(
        torch.from_numpy(picture.astype(np.float32) - 128), torch.from_numpy(mean), torch.from_numpy(variance), eps=0.01
    )
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-3)


def test_batch_norm_of_the_batch_is_refused() -> None:
    with pytest.raises(ConversionError, match="use_global_stats"):
        run_net(layer("BatchNorm", "batch_norm_param { use_global_stats: false }"), pixels())


@pytest.mark.parametrize(
    ("param", "shape"),
    [
        ("bias_term: true", (3,)),
        ("axis: 1 num_axes: 3 bias_term: true", (3, 9, 8)),
        ("axis: 1 num_axes: -1", (3, 9, 8)),
        ("axis: -1", (8,)),
        ("num_axes: 0", ()),
    ],
)
def test_scale(param: str, shape: tuple[int, ...]) -> None:
    picture, scale, bias = pixels(), values(*shape), values(*shape, seed=2)
    blobs = [scale, bias] if "bias_term" in param else [scale]
    got = run_net(layer("Scale", f"scale_param {{ {param} }}"), picture, {"n": blobs})["n"]
    per_channel = shape == (3,)
    broadcast = (lambda array: array[:, None, None]) if per_channel else (lambda array: array)
    expected = (picture.astype(np.float32) - 128) * broadcast(scale)
    if "bias_term" in param:
        expected = expected + broadcast(bias)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("param", "word"), [("axis: 3 num_axes: 2", "beyond"), ("axis: 7", "out of range")])
def test_scale_out_of_range(param: str, word: str) -> None:
    with pytest.raises(ConversionError, match=word):
        run_net(layer("Scale", f"scale_param {{ {param} }}"), pixels(), {"n": [values(3)]})


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_softmax(axis: int) -> None:
    picture = pixels(seed=4)
    got = run_net(layer("Softmax", f"softmax_param {{ axis: {axis} }}"), picture)["n"]
    x = torch.from_numpy(picture.astype(np.float32) - 128)
    np.testing.assert_allclose(got, torch.softmax(x, axis).numpy(), rtol=1e-4, atol=1e-7)
