"""BatchNorm, LRN, MVN and Softmax against their formulas, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, SolverParameter
from kits.training_layers import Doubles, layer_of, run, set_blobs, slope
from training.errors import LayerError
from training.nets.net import Net
from training.solvers.snapshot import trained_param
from training.solvers.solver import Solver

BATCH_NORM_TEXT = 'name: "bn" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param {{ {} }}'
BATCH_NORM_NET = """
layer { name: "in" type: "DummyData" top: "x" top: "t" dummy_data_param { shape { dim: 6 dim: 3 }
  data_filler { type: "gaussian" mean: 2 std: 3 } data_filler { type: "constant" value: 1 } } }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" }
layer { name: "fc" type: "InnerProduct" bottom: "y" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }
"""


def batch_norm_numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 5, 6), (2, 3, 4, 5, 6)])
def test_batch_norm_of_the_batch(shape: tuple[int, ...]) -> None:
    x = batch_norm_numbers(*shape)
    layer, shapes = layer_of(BATCH_NORM_TEXT.format("eps: 0.01 moving_average_fraction: 0.5"), shape)
    assert shapes == [shape]
    assert [tuple(blob.shape) for blob in layer.blobs] == [(3,), (3,), (1,)]
    over = tuple(axis for axis in range(len(shape)) if axis != 1)
    mean, variance = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    np.testing.assert_allclose(run(layer, x)[0], (x - mean) / np.sqrt(variance + 0.01), atol=1e-5)
    run(layer, x)
    m = x.size / 3
    for blob, once in zip(layer.blobs, (mean.ravel(), variance.ravel() * m / (m - 1), 1), strict=True):
        np.testing.assert_allclose(blob, 1.5 * once, rtol=1e-5)  # 0.5 * once + once


@pytest.mark.parametrize(("phase", "setting"), [(TEST, ""), (TRAIN, "use_global_stats: true")])
def test_batch_norm_with_stored_statistics(phase: int, setting: str) -> None:
    x = batch_norm_numbers(4, 2, 3)
    layer, _ = layer_of(BATCH_NORM_TEXT.format(setting), x.shape, phase=phase)
    set_blobs(layer, [2, -4], [8, 18], [2])
    expected = (x - np.float32([[1], [-2]])) / np.sqrt(np.float32([[4], [9]]) + 1e-5)
    np.testing.assert_allclose(run(layer, x)[0], expected, rtol=1e-5)
    assert [blob.tolist() for blob in layer.blobs] == [[2, -4], [8, 18], [2]]


def test_batch_norm_gradients() -> None:
    for setting in ("", "use_global_stats: true"):
        layer, _ = layer_of(BATCH_NORM_TEXT.format(setting + " eps: 0.1"), (3, 2, 4))
        layer.blobs = [torch.tensor(values, dtype=torch.float64) for values in ([2.0, -4], [8.0, 18], [2.0])]
        x = torch.from_numpy(batch_norm_numbers(3, 2, 4)).double().requires_grad_()
        assert torch.autograd.gradcheck(lambda x, layer=layer: layer.forward([x])[0], x)


def test_a_test_net_uses_the_statistics_of_training() -> None:
    param = text_format.Parse(BATCH_NORM_NET, NetParameter())
    trained, tested = Net(param, TRAIN, seed=1), Net(param, TEST, seed=1)
    tested.share_weights(trained)
    for _ in range(400):
        trained.forward()
    tested.forward()
    top = tested.blobs["y"]
    assert float(top.mean()) == pytest.approx(0, abs=0.6)
    x = tested.blobs["x"]
    np.testing.assert_allclose(top, (x - 2) / 3, atol=0.3)


def test_a_solver_leaves_the_statistics_alone() -> None:
    """They have histories, as in Caffe, but neither rate nor decay; the caffemodel has lr_mult: 0."""
    settings = 'base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.5 random_seed: 1 snapshot_prefix: "x"'
    solver = text_format.Parse(settings, SolverParameter())
    solver.net_param.CopyFrom(text_format.Parse(BATCH_NORM_NET, NetParameter()))
    ours = Solver(solver)
    ours.step(3)
    weights = ours.net.weights()
    assert [p.layer for p in ours.net.parameters] == ["bn"] * 3 + ["fc"] * 2
    assert weights["bn"][2] == pytest.approx(1 + 0.999 + 0.999**2)
    np.testing.assert_allclose(weights["bn"][0] / weights["bn"][2], 2, atol=2.5)
    assert [spec.lr_mult for spec in trained_param(ours.net).layer[1].param] == [0, 0, 0]
    ours.close()


def test_rates_for_statistics_are_refused() -> None:
    with pytest.raises(LayerError, match=r'layer "bn" .*lr_mult: 0'):
        layer_of(BATCH_NORM_TEXT.format("") + " param { lr_mult: 1 }", (2, 3))


LRN_TEXT = 'type: "LRN" bottom: "x" top: "y" lrn_param {{ {} }}'


def lrn_by_loops(x: Doubles, size: int, alpha: float, beta: float, k: float) -> Doubles:
    """Compute x / (k + alpha / size * sum of squares of the neighbours) ** beta; missing channels count as 0."""
    top = np.zeros_like(x)
    for channel in range(x.shape[1]):
        around = x[:, max(0, channel - size // 2) : channel + size // 2 + 1]
        top[:, channel] = x[:, channel] / (k + alpha / size * (around**2).sum(1)) ** beta
    return top


LRN_SETTINGS = [
    (5, 1.0, 0.75, 1.0),
    (5, 0.0001, 0.75, 1.0),
    (3, 2.0, 0.5, 2.0),
    (9, 0.5, 1.0, 0.5),
    (1, 1.0, 0.75, 1.0),
]


@pytest.mark.parametrize("setting", LRN_SETTINGS)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_lrn_values_and_gradient(setting: tuple[int, float, float, float], channels: int) -> None:
    size, alpha, beta, k = setting
    random = np.random.default_rng(channels)
    x, weight = random.standard_normal((2, 2, channels, 2, 3))
    layer, shapes = layer_of(LRN_TEXT.format(f"local_size: {size} alpha: {alpha} beta: {beta} k: {k}"), x.shape)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], lrn_by_loops(x, *setting), rtol=2e-5, atol=1e-6)
    bottom = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    (layer.forward([bottom])[0] * torch.from_numpy(weight)).sum().backward()
    assert bottom.grad is not None
    expected = slope(lambda x: float((lrn_by_loops(x, *setting) * weight).sum()), x)
    np.testing.assert_allclose(bottom.grad.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_lrn_with_caffe_s_defaults() -> None:
    x = np.random.default_rng(3).standard_normal((1, 8, 2, 2)) * 3
    layer, _ = layer_of('type: "LRN" bottom: "x" top: "y"', x.shape)
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], lrn_by_loops(x, 5, 1.0, 0.75, 1.0), rtol=1e-5)


def test_lrn_leaves_its_bottom_unchanged() -> None:
    bottom = torch.randn(1, 6, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    before = bottom.detach().clone()
    layer, _ = layer_of('type: "LRN" bottom: "x" top: "y"', bottom.shape)
    (top,) = layer.forward([bottom])
    kept = top.detach().clone()
    top.sum().backward()
    assert torch.equal(bottom.detach(), before)
    assert torch.equal(top.detach(), kept)


def test_lrn_within_channel() -> None:
    """Squares beyond the border count as 0; alpha is divided by the whole area; k is 1."""
    x, weight = np.random.default_rng(5).standard_normal((2, 1, 2, 4, 3))

    def lrn_by_loops(x: Doubles) -> Doubles:
        top = np.zeros_like(x)
        for n, c, i, j in np.ndindex(x.shape):
            around = x[n, c, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
            top[n, c, i, j] = x[n, c, i, j] / (1 + 0.5 / 9 * (around**2).sum()) ** 0.6
        return top

    layer, shapes = layer_of(
        LRN_TEXT.format("norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5 beta: 0.6 k: 7"), x.shape
    )
    assert shapes == [x.shape]
    bottom = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    (top,) = layer.forward([bottom])
    np.testing.assert_allclose(top.detach().numpy(), lrn_by_loops(x), rtol=1e-5)
    (top * torch.from_numpy(weight)).sum().backward()
    assert bottom.grad is not None
    expected = slope(lambda x: float((lrn_by_loops(x) * weight).sum()), x)
    np.testing.assert_allclose(bottom.grad.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ("local_size: 4", (1, 3, 2, 2), "local_size 4 must be odd"),
        ("", (1, 3), "4 axes"),
    ],
)
def test_lrn_settings_that_do_not_fit(settings: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(LRN_TEXT.format(settings), shape)


MVN_TEXT = 'type: "MVN" bottom: "x" top: "y" mvn_param {{ {} }}'


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
def test_mvn_values(across: bool, variance: bool) -> None:
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 4, 5)).astype(np.float32)
    settings = f"across_channels: {across} normalize_variance: {variance} eps: 0.5".lower()
    over = (1, 2, 3) if across else (2, 3)
    expected = x - x.mean(over, keepdims=True)
    expected = expected / (x.std(over, keepdims=True) + 0.5) if variance else expected
    layer, shapes = layer_of(MVN_TEXT.format(settings), x.shape)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x)[0], expected, atol=1e-5)
    assert not layer.blobs


def test_mvn_s_top_has_four_axes() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    layer, shapes = layer_of(MVN_TEXT.format("across_channels: true"), x.shape)
    (top,) = run(layer, x)
    assert shapes == [top.shape] == [(2, 5, 1, 1)]
    np.testing.assert_allclose(top.std((1, 2, 3)), 1, rtol=1e-4)
    with pytest.raises(LayerError, match="1 to 4 axes"):
        layer_of(MVN_TEXT.format(""), (1, 2, 3, 4, 5))


def test_mvn_gradient() -> None:
    """It is exact for a small eps. Where all numbers are equal it is finite, and 0 without its mean."""
    for settings in ("", "across_channels: true", "normalize_variance: false"):
        layer, _ = layer_of(MVN_TEXT.format(settings), (2, 2, 3, 2))
        x = torch.randn(2, 2, 3, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
        weights = torch.randn(2, 2, 3, 2, generator=torch.Generator().manual_seed(2))
        (layer.forward([x])[0] * weights).sum().backward()
        assert x.grad is not None
        wide = x.detach().double().requires_grad_()
        over = (1, 2, 3) if "across" in settings else (2, 3)
        expected = wide - wide.mean(over, keepdim=True)
        if "false" not in settings:
            expected = expected / (wide.var(over, correction=0, keepdim=True)).sqrt()
        (expected * weights).sum().backward()
        np.testing.assert_allclose(x.grad, wide.grad, atol=1e-5)
    layer, _ = layer_of(MVN_TEXT.format("eps: 0.1"), (1, 1, 2, 2))
    flat = torch.full((1, 1, 2, 2), 3.0, requires_grad=True)
    layer.forward([flat])[0].sum().backward()
    assert flat.grad is not None
    np.testing.assert_allclose(flat.grad, np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize(
    ("settings", "axis"), [("", 1), ("softmax_param { axis: 2 }", 2), ("softmax_param { axis: -1 }", 3)]
)
def test_softmax_values(settings: str, axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)) * 5
    layer, shapes = layer_of(f'type: "Softmax" bottom: "x" top: "y" {settings}', x.shape)
    powers = np.exp(x)
    assert shapes == [x.shape]
    np.testing.assert_allclose(run(layer, x.astype(np.float32))[0], powers / powers.sum(axis, keepdims=True), rtol=1e-5)


def test_softmax_of_large_scores() -> None:
    layer, _ = layer_of('type: "Softmax" bottom: "x" top: "y"', (1, 3))
    np.testing.assert_allclose(run(layer, np.float32([[1000, 0, -1000]]))[0], [[1, 0, 0]])


def test_softmax_gradient() -> None:
    layer, _ = layer_of('type: "Softmax" bottom: "x" top: "y"', (2, 4))
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    top = layer.forward([x])[0]
    top[0, 1].backward()
    p = top.detach().numpy()[0]
    expected = -p[1] * p
    expected[1] += p[1]  # dp1/dxj = p1 (1[j = 1] - pj)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy()[0], expected, rtol=1e-5)
    assert not x.grad[1].any()


def test_softmax_of_a_missing_axis() -> None:
    with pytest.raises(LayerError, match="axis 2 is outside"):
        layer_of('type: "Softmax" bottom: "x" top: "y" softmax_param { axis: 2 }', (2, 4))
