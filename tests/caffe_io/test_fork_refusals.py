"""What the refusals of forks' layers say, and that their advice computes the same."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST
from caffe_io.fork_refusals import FORK_REFUSALS
from kits.ncs import net_of, run_model
from kits.training_layers import layer_of, run
from ncs.converter import convert
from training.errors import LayerError


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "MarginInnerProduct",
            "it is SphereFace's InnerProduct with an angular margin. Only training needs it: a deploy",
        ),
        ("LargeMarginInnerProduct", "L-Softmax. Only training needs it"),
        ("LabelSpecificAdd", "AM-Softmax or NormFace"),
        ("CosinAddm", "ArcFace's angular margin"),
        ("CenterLoss", "it is caffe-face's, which draws the faces of one person together. Only training needs it"),
        ("TripletLoss", "it is from a fork that trains faces on triplets; Caffe 1.0 has no such layer."),
        ("NormL2", "local_size: 2C+1, alpha: 2C+1, beta: 0.5, k: 1e-10."),
    ],
)
def test_forks_layers_are_named_with_what_to_do(kind: str, words: str) -> None:
    with pytest.raises(LayerError) as caught:
        layer_of(f'type: "{kind}" bottom: "x" top: "y"', (1, 3, 4, 4))
    assert str(caught.value).startswith(f'layer "it" is of type {kind}: it ')
    assert words in str(caught.value)
    assert "Did you mean" not in str(caught.value)


def test_rows_are_sorted() -> None:
    assert list(FORK_REFUSALS) == sorted(FORK_REFUSALS)


def test_lrn_computes_what_norm_l2_does() -> None:
    channels = 6
    x = np.random.default_rng(2).normal(size=(1, channels, 4, 5)).astype(np.float32)
    expected = x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10)
    lrn = f"lrn_param {{ local_size: {2 * channels + 1} alpha: {2 * channels + 1} beta: 0.5 k: 1e-10 }}"
    layer, _ = layer_of(f'type: "LRN" bottom: "x" top: "y" {lrn}', x.shape, phase=TEST)
    np.testing.assert_allclose(run(layer, x)[0], expected, rtol=1e-5, atol=1e-6)
    net = net_of(f'layer {{ name: "n" type: "LRN" bottom: "data" top: "n" {lrn} }}', x.shape)
    pixels = np.random.default_rng(3).integers(0, 256, x.shape, dtype=np.uint8)
    whole = pixels.astype(np.float32)
    answer = run_model(convert(net, {}), pixels)["n"]
    np.testing.assert_allclose(answer, whole / np.sqrt((whole**2).sum(1, keepdims=True)), rtol=1e-4, atol=1e-5)


def test_eltwise_and_reduction_compute_what_l1_loss_does() -> None:
    a, b = (np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32) for seed in (0, 1))
    eltwise, _ = layer_of(
        'type: "Eltwise" bottom: "a" bottom: "b" top: "d" eltwise_param { operation: SUM coeff: 1 coeff: -1 }',
        a.shape,
        b.shape,
    )
    (difference,) = run(eltwise, a, b)
    reduction, _ = layer_of('type: "Reduction" bottom: "d" top: "s" reduction_param { operation: ASUM }', a.shape)
    np.testing.assert_allclose(run(reduction, difference)[0] / 4, np.abs(a - b).sum() / 4, rtol=1e-6)
