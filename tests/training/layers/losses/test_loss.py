"""SoftmaxWithLoss against plain sums, with each normalization."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kits.training_layers import Doubles, layer_of, run, slope
from training.errors import LayerError

TEXT = 'name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss" {}'


def sum_of_losses(scores: Doubles, labels: np.ndarray, ignored: int | None) -> float:
    """Sum -log p(label) over all predictions; scores are N x C x inner, labels N x inner."""
    total = 0.0
    for n, i in np.ndindex(labels.shape):
        if labels[n, i] != ignored:
            powers = np.exp(scores[n, :, i])
            total -= math.log(powers[int(labels[n, i])] / powers.sum())
    return total


@pytest.mark.parametrize(
    ("settings", "ignored", "divisor"),
    [
        ("", None, 15),
        ("loss_param { ignore_label: 2 }", 2, 12),
        ("loss_param { ignore_label: 2 normalization: VALID }", 2, 12),
        ("loss_param { ignore_label: 2 normalization: FULL }", 2, 15),
        ("loss_param { ignore_label: 2 normalization: BATCH_SIZE }", 2, 3),
        ("loss_param { ignore_label: 2 normalization: NONE }", 2, 1),
        # The older setting; the newer one takes precedence.
        ("loss_param { normalize: false }", None, 3),
        ("loss_param { normalize: true ignore_label: 2 }", 2, 12),
        ("loss_param { normalize: false normalization: FULL }", None, 15),
    ],
)
def test_normalizations(settings: str, ignored: int | None, divisor: int) -> None:
    random = np.random.default_rng(5)
    scores = random.standard_normal((3, 4, 5))
    labels = random.integers(0, 4, (3, 5))
    labels[0, :3] = 2
    # Label 2 occurs three times.
    labels.flat[3:] = [3 if label == 2 else label for label in labels.flat[3:]]
    layer, shapes = layer_of(TEXT.format(settings + ' top: "prob"'), scores.shape, (3, 5))
    assert shapes == [(), (3, 4, 5)]
    bottom = torch.from_numpy(scores.astype(np.float32)).requires_grad_()
    loss, prob = layer.forward([bottom, torch.from_numpy(labels.astype(np.float32))])
    assert loss.item() == pytest.approx(sum_of_losses(scores, labels, ignored) / divisor, rel=1e-5)
    powers = np.exp(scores)
    np.testing.assert_allclose(prob.detach().numpy(), powers / powers.sum(1, keepdims=True), rtol=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    expected = slope(lambda scores: sum_of_losses(scores, labels, ignored) / divisor, scores)
    assert bottom.grad is not None
    np.testing.assert_allclose(bottom.grad.numpy(), expected, atol=1e-5)


def test_labels_may_have_an_axis_of_one() -> None:
    """Caffe's older data layers made labels of N x 1 x 1 x 1."""
    scores = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    labels = np.float32([0, 1, 2, 1])
    flat, _ = layer_of(TEXT.format(""), (4, 3), (4,))
    legacy, _ = layer_of(TEXT.format(""), (4, 3), (4, 1, 1, 1))
    assert run(flat, scores, labels)[0] == run(legacy, scores, labels.reshape(4, 1, 1, 1))[0]


def test_all_labels_ignored() -> None:
    layer, _ = layer_of(TEXT.format("loss_param { ignore_label: 1 }"), (2, 3), (2,))
    assert run(layer, np.zeros((2, 3), np.float32), np.float32([1, 1]))[0] == 0


def test_the_loss_stays_finite_as_in_caffe() -> None:
    """Caffe clamps to FLT_MIN before the logarithm: the loss is 87.3365, and the gradient still passes."""
    layer, _ = layer_of(TEXT.format(""), (1, 2), (1,))
    scores = torch.tensor([[500.0, 0.0]], requires_grad=True)
    (loss,) = layer.forward([scores, torch.tensor([1.0])])
    assert loss.item() == pytest.approx(-math.log(1.17549435e-38), rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    np.testing.assert_allclose(scores.grad.numpy(), [[1, -1]], atol=1e-6)


@pytest.mark.parametrize("label", [-1, 3, 200])
def test_a_label_out_of_range(label: int) -> None:
    layer, _ = layer_of(TEXT.format(""), (2, 3), (2,))
    with pytest.raises(LayerError, match=f'layer "loss".*label {label} is out of range.*"fc8" has 3 classes.*0 to 2'):
        run(layer, np.zeros((2, 3), np.float32), np.float32([0, label]))


def test_an_ignored_label_may_be_out_of_range() -> None:
    layer, _ = layer_of(TEXT.format("loss_param { ignore_label: 255 }"), (2, 3), (2,))
    assert run(layer, np.zeros((2, 3), np.float32), np.float32([0, 255]))[0] == pytest.approx(math.log(3))


def test_as_many_labels_as_predictions() -> None:
    with pytest.raises(LayerError, match="3 labels; expected 4"):
        layer_of(TEXT.format(""), (4, 3), (3,))
