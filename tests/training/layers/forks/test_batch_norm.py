"""BN in TRAIN, its stored statistics, and its blobs' shapes. tests/oracle compares TEST with Caffe's own layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter
from caffe_io.weights import write_weights
from kits.training_layers import build_net, in_double, layer_of, run, set_blobs
from training.nets.loading import load_weights
from training.nets.net import Net

TEXT = 'type: "BN" bottom: "x" top: "y" bn_param {{ {} }}'
COLUMN = (slice(None), None, None)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("setting", "phase"), [("eps: 1e-3", TRAIN), ("bn_mode: LEARN", TRAIN), ("bn_mode: LEARN", TEST)]
)
def test_the_batchs_statistics(setting: str, phase: int) -> None:
    x = draw(4, 3, 5, 6) * 2 + 1
    layer, _ = layer_of(TEXT.format(setting), x.shape, phase=phase)
    blobs = [draw(1, 3, 1, 1, seed=seed) for seed in range(len(layer.blobs))]
    set_blobs(layer, *blobs)
    eps = 1e-3 if "eps" in setting else 1e-9
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    expected = (x - mean[COLUMN]) / np.sqrt(variance[COLUMN] + eps) * blobs[0] + blobs[1]
    np.testing.assert_allclose(run(layer, x)[0], expected, rtol=1e-4, atol=1e-5)
    if "eps" in setting:
        moved = [0.9 * blobs[2].ravel() + 0.1 * mean, 0.9 * blobs[3].ravel() + 0.1 * variance]
        for blob, value in zip(layer.blobs[2:], moved, strict=True):
            np.testing.assert_allclose(blob.ravel().numpy(), value, rtol=1e-4, atol=1e-5)


def test_frozen_takes_the_stored_statistics_in_train_too() -> None:
    x = draw(2, 3, 4, 4)
    layer, _ = layer_of(TEXT.format("frozen: true"), x.shape)
    slope, bias, mean, variance = draw(3), draw(3, seed=1), draw(3, seed=2), draw(3, seed=3) ** 2
    set_blobs(layer, *(blob.reshape(1, 3, 1, 1) for blob in (slope, bias, mean, variance)))
    expected = (x - mean[COLUMN]) / np.sqrt(variance[COLUMN] + 1e-5) * slope[COLUMN] + bias[COLUMN]
    np.testing.assert_allclose(run(layer, x)[0], expected, rtol=1e-4, atol=1e-5)
    assert [spec.lr_mult for spec in layer.param.param] == [0, 0, 0, 0]


def test_only_slope_and_bias_are_learnt() -> None:
    layer, _ = layer_of(TEXT.format("slope_filler { value: 1 }"), (2, 3, 4, 4))
    assert [spec.lr_mult for spec in layer.param.param] == [1, 1, 0, 0]
    assert [blob.requires_grad for blob in layer.blobs] == [True, True, False, False]


def test_one_number_a_channel_gives_the_bias() -> None:
    layer, _ = layer_of(TEXT.format("slope_filler { value: 1 } bias_filler { value: 2 }"), (1, 3, 1, 1))
    np.testing.assert_array_equal(run(layer, draw(1, 3, 1, 1))[0].ravel(), [2, 2, 2])


@pytest.mark.parametrize("setting", ["", "bn_mode: LEARN", "bn_mode: INFERENCE"])
def test_gradients(setting: str) -> None:
    layer, _ = layer_of(TEXT.format(setting + " slope_filler { value: 2 }"), (3, 2, 2, 2))
    statistics = layer.blobs[2:]
    in_double(layer)
    layer.blobs[2:] = [blob.double() for blob in statistics]
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    layer.blobs[0].data.uniform_(0.5, 2)
    assert torch.autograd.gradcheck(lambda x, *_: tuple(layer.forward([x])), (x, *layer.blobs[:2]))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 3, 1, 1)])
def test_blobs_are_loaded_in_any_forks_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    net: Net = build_net(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 2 dim: 2 } } }',
        'layer { name: "bn" type: "BN" bottom: "x" top: "y" }',
        phase=TEST,
    )
    given = [draw(*shape, seed=seed) for seed in range(4)]
    saved = NetParameter()
    saved.layer.add(name="bn", type="BN")
    write_weights(tmp_path / "w.caffemodel", saved, {"bn": given})
    load_weights(tmp_path / "w.caffemodel", net.layers, net.parameters, "n.prototxt")
    for blob, values in zip(net.layers[-1].blobs, given, strict=True):
        np.testing.assert_array_equal(blob.numpy().ravel(), values.ravel())
