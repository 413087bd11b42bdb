"""EuclideanLoss, SigmoidCrossEntropyLoss and ContrastiveLoss against plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kits.training_layers import Doubles, layer_of, run, slope
from training.errors import LayerError


def text(kind: str, settings: str = "", bottoms: str = "xy") -> str:
    return f'name: "it" type: "{kind}" ' + " ".join(f'bottom: "{b}"' for b in bottoms) + f' top: "loss" {settings}'


def normal(seed: int, *shape: int) -> Doubles:
    return np.random.default_rng(seed).standard_normal(shape)


def test_euclidean_loss_goes_to_both_bottoms() -> None:
    x, y = normal(0, 4, 2, 3), normal(1, 4, 6)
    layer, shapes = layer_of(text("EuclideanLoss"), x.shape, y.shape)
    assert shapes == [()]
    bottoms = [torch.from_numpy(np.float32(values)).requires_grad_() for values in (x, y)]
    loss = layer.forward(bottoms)[0]
    assert loss.item() == pytest.approx(((x.ravel() - y.ravel()) ** 2).sum() / 8, rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    expected = (x.reshape(4, 6) - y) / 4
    for bottom, sign in zip(bottoms, (1, -1), strict=True):
        assert bottom.grad is not None
        np.testing.assert_allclose(bottom.grad.reshape(4, 6), sign * expected, rtol=1e-4, atol=1e-6)


def entropy(scores: Doubles, targets: np.ndarray, ignored: int | None) -> float:
    total = 0.0
    for s, t in zip(scores.ravel().tolist(), targets.ravel().tolist(), strict=True):
        p = 1 / (1 + math.exp(-s))
        total -= 0 if t == ignored else t * math.log(p) + (1 - t) * math.log(1 - p)
    return total


@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize(
    ("mode", "all_count", "some_count"),
    [("", 4, 4), ("normalization: FULL", 12, 12), ("normalization: VALID", 12, 7), ("normalization: NONE", 1, 1)],
)
def test_sigmoid_cross_entropy_loss(ignored: int | None, mode: str, all_count: int, some_count: int) -> None:
    scores = 2 * normal(0, 4, 3)
    targets = np.float32([[0, 1, 0.25], [1, 0, 0], [1, 1, 0.5], [0, 1, 0]])  # five ones
    settings = f"loss_param {{ {mode} {'' if ignored is None else f'ignore_label: {ignored}'} }}"
    layer, _ = layer_of(text("SigmoidCrossEntropyLoss", settings), (4, 3), (4, 3))
    divisor = all_count if ignored is None else some_count
    bottom = torch.from_numpy(np.float32(scores)).requires_grad_()
    loss = layer.forward([bottom, torch.from_numpy(targets)])[0]
    assert loss.item() == pytest.approx(entropy(scores, targets, ignored) / divisor, rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert bottom.grad is not None
    np.testing.assert_allclose(bottom.grad, slope(lambda s: entropy(s, targets, ignored) / divisor, scores), atol=1e-5)


def test_large_scores_do_not_overflow() -> None:
    layer, _ = layer_of(text("SigmoidCrossEntropyLoss"), (1, 2), (1, 2))
    assert run(layer, np.float32([[1000, -1000]]), np.float32([[0, 0]]))[0] == pytest.approx(1000)


@pytest.mark.parametrize("legacy", [False, True])
def test_contrastive_loss(legacy: bool) -> None:
    x, y, similar = normal(0, 6, 3), normal(1, 6, 3), np.float32([1, 0, 0, 1, 0, 0])
    y[1] = x[1] + 0.3
    y[4] = x[4] - 0.5
    settings = f"contrastive_loss_param {{ margin: 2 legacy_version: {str(legacy).lower()} }}"

    def expected(x: Doubles) -> float:
        total = 0.0
        for a, b, same in zip(x, y, similar, strict=True):
            d2 = float(((a - b) ** 2).sum())
            total += d2 if same else max(0, 2 - d2) if legacy else max(0, 2 - math.sqrt(d2)) ** 2
        return total / 12

    layer, _ = layer_of(text("ContrastiveLoss", settings, "xyz"), (6, 3), (6, 3), (6,))
    bottoms = [torch.from_numpy(np.float32(values)).requires_grad_() for values in (x, y)]
    loss = layer.forward([*bottoms, torch.from_numpy(similar)])[0]
    assert loss.item() == pytest.approx(expected(x), rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert bottoms[0].grad is not None
    assert bottoms[1].grad is not None
    np.testing.assert_allclose(bottoms[0].grad, slope(expected, x), atol=2e-4)  # Caffe's 1e-4 beside the distance
    np.testing.assert_allclose(bottoms[1].grad, -bottoms[0].grad)


def test_points_at_distance_0_have_a_gradient() -> None:
    layer, _ = layer_of(text("ContrastiveLoss", "", "xyz"), (1, 2), (1, 2), (1,))
    x = torch.ones(1, 2, requires_grad=True)
    layer.forward([x, torch.ones(1, 2), torch.zeros(1)])[0].backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("kind", "shapes", "message"),
    [
        ("EuclideanLoss", [(4, 3), (4, 2)], "as many numbers in both"),
        ("EuclideanLoss", [(4, 3), (3, 4)], "same first axis"),
        ("SigmoidCrossEntropyLoss", [(4, 3), (4,)], "one target for each score"),
        ("ContrastiveLoss", [(4, 3), (4, 2), (4,)], "expected N x C twice"),
        ("ContrastiveLoss", [(4, 3), (4, 3), (5,)], "expected N x C twice"),
    ],
)
def test_bottoms_that_do_not_fit(kind: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(text(kind, "", "xyz"[: len(shapes)]), *shapes)


@pytest.mark.parametrize("seed", range(32))
def test_smooth_l1_loss_as_pytorch(seed: int) -> None:
    """Its threshold is 1 / sigma^2; the gradients, too, with no weights, inside weights, or both kinds."""
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 6, int(random.integers(1, 5))))
    sigma = float(np.float32(random.choice([1, 3, 0.5, 1.7])))
    count = 2 + seed % 3
    bottoms = [torch.from_numpy(random.standard_normal(shape).astype(np.float32)) for _ in range(count)]
    for bottom in bottoms[:2]:
        bottom.requires_grad_()
    settings = f"smooth_l1_loss_param {{ sigma: {sigma} }}"
    layer, shapes = layer_of(text("SmoothL1Loss", settings, "xyio"[:count]), *[shape] * count)
    assert shapes == [()]
    loss = layer.forward(bottoms)[0]
    found = torch.autograd.grad(loss, bottoms[:2])
    x, y = (bottom.detach().double().requires_grad_() for bottom in bottoms[:2])
    ones = torch.ones(shape, dtype=torch.float64)
    inside, outside = (*(bottom.double() for bottom in bottoms[2:]), ones, ones)[:2]
    terms = torch.nn.functional.smooth_l1_loss(inside * x, inside * y, reduction="none", beta=1 / sigma**2)
    wanted = (outside * terms).sum() / shape[0]
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4, abs=1e-5)
    for mine, theirs in zip(found, torch.autograd.grad(wanted, [x, y]), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shapes", [[(2, 3), (2, 4)], [(2, 3), (2, 3), (2, 4)], [(2, 3), (2, 3), (2, 3), (2, 1)]])
def test_smooth_l1_loss_refuses(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(LayerError, match="expected the same shape for predictions, targets"):
        layer_of(text("SmoothL1Loss", bottoms="xyio"[: len(shapes)]), *shapes)


def test_smooth_l1_loss_without_a_width() -> None:
    with pytest.raises(LayerError, match="sigma is 0"):
        layer_of(text("SmoothL1Loss", "smooth_l1_loss_param { sigma: 0 }"), (2, 3), (2, 3))


def test_what_smooth_l1_loss_divides_by() -> None:
    x, y = (torch.full((4, 3), value) for value in (3.0, 0.0))
    for setting, by in (("", 4), ("normalization: NONE", 1), ("normalization: PRE_FIXED pre_fixed_normalizer: 5", 5)):
        layer, _ = layer_of(text("SmoothL1Loss", f"loss_param {{ {setting} }}"), (4, 3), (4, 3))
        assert layer.forward([x, y])[0].item() == pytest.approx(12 * 2.5 / by)
    with pytest.raises(LayerError, match="forks divide differently"):
        layer_of(text("SmoothL1Loss", "loss_param { normalization: VALID }"), (4, 3), (4, 3))
