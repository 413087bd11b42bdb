"""R-FCN's hard examples against PyTorch's losses and a loop over regions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kits.training_layers import layer_of, run
from training.errors import LayerError

BOXES = 'type: "BoxAnnotatorOHEM" bottom: "r" bottom: "l" bottom: "c" bottom: "w" top: "d" top: "v" box_annotator_ohem_param { '


def normal(random: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(random.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("seed", range(30))
def test_softmax(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, classes = (int(n) for n in random.integers(2, 9, 2))
    shape = (rows, classes, 2, 3)[: 2 + 2 * (seed % 2)]
    scores = (3 * normal(random, *shape)).requires_grad_()
    labels = torch.from_numpy(random.integers(-1, classes, (rows, *shape[2:])))
    text = (
        'type: "SoftmaxWithLossOHEM" bottom: "x" bottom: "y" top: "a" top: "b" top: "c" loss_param { ignore_label: -1 }'
    )
    layer, shapes = layer_of(text, shape, tuple(labels.shape))
    assert shapes == [(), shape, tuple(labels.shape)]
    loss, chances, each = layer.forward([scores, labels.float()])
    wanted = F.cross_entropy(scores, labels, ignore_index=-1, reduction="none")
    torch.testing.assert_close(each, wanted.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(chances, scores.detach().softmax(1))
    mean = wanted.sum() / max(1, int((labels >= 0).sum()))
    torch.testing.assert_close(loss, mean, rtol=1e-4, atol=1e-5)
    if (labels >= 0).any():
        torch.testing.assert_close(
            *(torch.autograd.grad(value, scores)[0] for value in (loss, mean)), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("seed", range(30))
def test_smooth_l1(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, channels = (int(n) for n in random.integers(1, 7, 2))
    shape = (rows, channels, 2, 3)[: 2 + 2 * (seed % 2)]
    places = 6 if seed % 2 else 1
    way, by = [("VALID", rows * places), ("BATCH_SIZE", rows), ("NONE", 1), ("PRE_FIXED", 12.5)][seed % 4]
    bottoms = [2 * normal(random, *shape) for _ in range(3 if seed % 3 else 2)]
    bottoms[0].requires_grad_()
    names = " ".join(f'bottom: "b{number}"' for number in range(len(bottoms)))
    text = f'type: "SmoothL1LossOHEM" {names} top: "a" top: "b" loss_param {{ normalization: {way} pre_fixed_normalizer: 12.5 }}'
    layer, _ = layer_of(text, *[shape] * len(bottoms))
    loss, each = layer.forward(bottoms)
    weights = bottoms[2] if len(bottoms) == 3 else torch.ones(shape)
    terms = F.huber_loss(bottoms[0] * weights, bottoms[1] * weights, reduction="none")
    torch.testing.assert_close(loss, terms.sum() / by, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(each.flatten(), terms.detach().sum(1).flatten(), rtol=1e-4, atol=1e-5)
    found, wanted = (torch.autograd.grad(value, bottoms[0])[0] for value in (loss, terms.sum() / by))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(30))
def test_the_largest_losses_of_each_picture(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, most = int(random.integers(1, 40)), int(random.integers(1, 12))
    regions = random.integers(0, 3, (count, 5)).astype(np.float32)
    losses = random.permutation(count).astype(np.float32)
    labels = random.integers(0, 5, count).astype(np.float32)
    weights = random.standard_normal((count, 8)).astype(np.float32)
    layer, shapes = layer_of(
        f"{BOXES} roi_per_img: {most} ignore_label: -2 }}", *(a.shape for a in (regions, losses, labels, weights))
    )
    assert shapes == [(count, 1, 1, 1), (count, 8, 1, 1)]
    left = dict.fromkeys(range(3), most)
    wanted_labels, wanted_weights = np.full(count, -2.0), np.zeros((count, 8))
    for index in np.argsort(-losses):
        if left[int(regions[index, 0])]:
            left[int(regions[index, 0])] -= 1
            wanted_labels[index], wanted_weights[index] = labels[index], weights[index]
    found = run(layer, regions, losses, labels, weights)
    np.testing.assert_array_equal(found[0].ravel(), wanted_labels)
    np.testing.assert_array_equal(found[1].reshape(count, 8), wanted_weights.astype(np.float32))


def test_refused() -> None:
    with pytest.raises(LayerError, match="expected R x 5, R losses"):
        layer_of(BOXES + "roi_per_img: 2 }", (3, 5), (3,), (2,), (3, 8))
    with pytest.raises(LayerError, match="roi_per_img is 0"):
        layer_of(BOXES + "roi_per_img: 0 }", (3, 5), (3,), (3,), (3, 8))
    with pytest.raises(LayerError, match="the same shape for predictions, targets and weights"):
        layer_of('type: "SmoothL1LossOHEM" bottom: "a" bottom: "b" top: "c"', (2, 3), (2, 4))
