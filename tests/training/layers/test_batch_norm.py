"""BatchNorm against its formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, SolverParameter
from kits.training_layers import layer_of, run, set_blobs
from training.errors import LayerError
from training.nets.net import Net
from training.solvers.snapshot import trained_param
from training.solvers.solver import Solver

TEXT = 'name: "bn" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param {{ {} }}'
NET = """
layer { name: "in" type: "DummyData" top: "x" top: "t" dummy_data_param { shape { dim: 6 dim: 3 }
  data_filler { type: "gaussian" mean: 2 std: 3 } data_filler { type: "constant" value: 1 } } }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" }
layer { name: "fc" type: "InnerProduct" bottom: "y" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }
"""


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 5, 6), (2, 3, 4, 5, 6)])
def test_own_statistics(shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    layer, shapes = layer_of(TEXT.format("eps: 0.01 moving_average_fraction: 0.5"), shape)
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
def test_stored_statistics(phase: int, setting: str) -> None:
    x = numbers(4, 2, 3)
    layer, _ = layer_of(TEXT.format(setting), x.shape, phase=phase)
    set_blobs(layer, [2, -4], [8, 18], [2])
    want = (x - np.float32([[1], [-2]])) / np.sqrt(np.float32([[4], [9]]) + 1e-5)
    np.testing.assert_allclose(run(layer, x)[0], want, rtol=1e-5)
    assert [blob.tolist() for blob in layer.blobs] == [[2, -4], [8, 18], [2]]


def test_gradients() -> None:
    for setting in ("", "use_global_stats: true"):
        layer, _ = layer_of(TEXT.format(setting + " eps: 0.1"), (3, 2, 4))
        layer.blobs = [torch.tensor(values, dtype=torch.float64) for values in ([2.0, -4], [8.0, 18], [2.0])]
        x = torch.from_numpy(numbers(3, 2, 4)).double().requires_grad_()
        assert torch.autograd.gradcheck(lambda x, layer=layer: layer.forward([x])[0], x)


def test_a_test_net_takes_what_training_has_gathered() -> None:
    param = text_format.Parse(NET, NetParameter())
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
    """They have histories, as in Caffe, but neither rate nor decay; the caffemodel says lr_mult: 0."""
    settings = 'base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.5 random_seed: 1 snapshot_prefix: "x"'
    solver = text_format.Parse(settings, SolverParameter())
    solver.net_param.CopyFrom(text_format.Parse(NET, NetParameter()))
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
        layer_of(TEXT.format("") + " param { lr_mult: 1 }", (2, 3))
