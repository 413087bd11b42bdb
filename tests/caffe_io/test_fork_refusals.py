"""What the refusals of forks' layers say, and that their advice computes the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_io.fork_refusals import FORK_REFUSALS
from kits.training_layers import layer_of, run
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
        ("SeLu", "Write ELU with elu_param { alpha: 1.6732632 } and after it Power"),
        ("ROIWarping", "it is from MNC, which cuts masks of objects out of a picture."),
        ("CTCGreedyDecoder", "the best class of each step, without repeats and blanks"),
        ("DeformableConvolution", "it moves its windows by the numbers of a second bottom"),
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


def test_elu_and_power_compute_what_selu_does() -> None:
    x = np.random.default_rng(2).normal(size=(2, 3)).astype(np.float32) * 3
    elu, _ = layer_of('type: "ELU" bottom: "x" top: "e" elu_param { alpha: 1.6732632 }', x.shape)
    power, _ = layer_of('type: "Power" bottom: "e" top: "y" power_param { scale: 1.0507010 }', x.shape)
    expected = torch.nn.functional.selu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(run(power, run(elu, x)[0])[0], expected, rtol=1e-6)


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
