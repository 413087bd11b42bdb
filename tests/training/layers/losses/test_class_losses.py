"""MultinomialLogisticLoss, HingeLoss and InfogainLoss against plain sums."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.blobs import array_to_blob
from kits.training_layers import Doubles, layer_of, run, slope
from training.errors import LayerError


def text(kind: str, settings: str = "", bottoms: str = "xy") -> str:
    return f'name: "it" type: "{kind}" ' + " ".join(f'bottom: "{b}"' for b in bottoms) + f' top: "loss" {settings}'


def gradient(kind: str, settings: str, scores: np.ndarray, *more: np.ndarray) -> np.ndarray:
    layer, _ = layer_of(text(kind, settings, "xyh"[: 1 + len(more)]), scores.shape, *(other.shape for other in more))
    bottom = torch.from_numpy(scores.astype(np.float32)).requires_grad_()
    loss = layer.forward([bottom, *(torch.from_numpy(np.float32(other)) for other in more)])[0]
    loss.backward()  # type: ignore[no-untyped-call]
    assert bottom.grad is not None
    return bottom.grad.numpy()


LABELS = np.float32([2, 0, 1, 2])


def test_multinomial_logistic_loss() -> None:
    shares = np.random.default_rng(0).uniform(0.1, 1, (4, 3))

    def expected(p: Doubles) -> float:
        return -sum(math.log(p[n, int(LABELS[n])]) for n in range(4)) / 4

    layer, shapes = layer_of(text("MultinomialLogisticLoss"), (4, 3), (4,))
    assert shapes == [()]
    assert run(layer, shares.astype(np.float32), LABELS)[0] == pytest.approx(expected(shares), rel=1e-5)
    np.testing.assert_allclose(
        gradient("MultinomialLogisticLoss", "", shares, LABELS), slope(expected, shares), rtol=1e-3, atol=1e-6
    )
    # A probability of 0 counts as 1e-20.
    clamped = run(layer, np.float32([[1, 0, 0]] * 4), LABELS)[0]
    assert clamped == pytest.approx(-3 * math.log(1e-20) / 4, rel=1e-5)


@pytest.mark.parametrize("power", [1, 2])
def test_hinge_loss(power: int) -> None:
    scores = np.random.default_rng(1).normal(0, 2, (4, 3))

    def expected(s: Doubles) -> float:
        return sum(
            max(0, 1 - s[n, k] if k == LABELS[n] else 1 + s[n, k]) ** power for n in range(4) for k in range(3)
        ) / 4  # fmt: skip

    settings = f"hinge_loss_param {{ norm: L{power} }}"
    layer, _ = layer_of(text("HingeLoss", settings), (4, 3), (4,))
    assert run(layer, scores.astype(np.float32), LABELS)[0] == pytest.approx(expected(scores), rel=1e-5)
    np.testing.assert_allclose(gradient("HingeLoss", settings, scores, LABELS), slope(expected, scores), atol=1e-5)


def infogain(scores: Doubles, labels: np.ndarray, matrix: np.ndarray, ignored: int | None = None) -> float:
    total = 0.0
    for n, label in enumerate(labels):
        shares = np.exp(scores[n]) / np.exp(scores[n]).sum()
        total -= 0 if label == ignored else float(matrix[int(label)] @ np.log(shares))
    return total


def test_infogain_loss(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    scores, matrix = random.normal(0, 2, (4, 3)), random.uniform(0, 1, (3, 3))
    (tmp_path / "h").write_bytes(array_to_blob(matrix, legacy_shape=True).SerializeToString())
    source = f'infogain_loss_param {{ source: "{tmp_path}/h" }}'
    layer, _ = layer_of(text("InfogainLoss", source + "loss_param { ignore_label: 2 }"), (4, 3), (4,))
    # Two labels are not ignored.
    expected = infogain(scores, LABELS, matrix, 2) / 2
    assert run(layer, scores.astype(np.float32), LABELS)[0] == pytest.approx(expected, rel=1e-5)
    given = np.float32(matrix)
    layer, _ = layer_of(text("InfogainLoss", "", "xyh"), (4, 3), (4,), (3, 3))
    assert run(layer, np.float32(scores), LABELS, given)[0] == pytest.approx(
        infogain(scores, LABELS, matrix) / 4, rel=1e-5
    )
    found = gradient("InfogainLoss", "", scores, LABELS, given)
    np.testing.assert_allclose(found, slope(lambda s: infogain(s, LABELS, matrix) / 4, scores), atol=1e-5)


def test_infogain_loss_of_the_identity_is_the_softmax_s() -> None:
    scores = np.random.default_rng(3).standard_normal((4, 3, 2)).astype(np.float32)
    labels = np.float32([[0, 1], [2, 2], [1, 0], [0, 0]])
    plain, _ = layer_of(text("SoftmaxWithLoss"), scores.shape, labels.shape)
    layer, shapes = layer_of(text("InfogainLoss", 'top: "p"', "xyh"), scores.shape, labels.shape, (3, 3))
    loss, shares = run(layer, scores, labels, np.eye(3, dtype=np.float32))
    assert loss == pytest.approx(run(plain, scores, labels)[0], rel=1e-6)
    assert shapes == [(), scores.shape]
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)


def test_what_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(array_to_blob(np.eye(2)).SerializeToString())
    (tmp_path / "empty").write_bytes(b"")
    for kind, settings, expected in (
        ("InfogainLoss", "", "third bottom or as infogain_loss_param"),
        ("InfogainLoss", f'infogain_loss_param {{ source: "{tmp_path}/h" }}', "4 numbers; expected 3x3"),
        ("InfogainLoss", f'infogain_loss_param {{ source: "{tmp_path}/empty" }}', "empty: is empty"),
        ("InfogainLoss", "loss_param { normalize: true }", 'Write "normalization"'),
    ):
        with pytest.raises(LayerError, match=expected):
            layer_of(text(kind, settings), (4, 3), (4,))
    for kind in ("HingeLoss", "MultinomialLogisticLoss"):
        with pytest.raises(LayerError, match="8 labels; expected one for each picture"):
            layer_of(text(kind), (4, 3), (4, 2))
        layer, _ = layer_of(text(kind), (4, 3), (4,))
        with pytest.raises(LayerError, match="label 3 is out of range"):
            run(layer, np.ones((4, 3), np.float32), np.float32([0, 1, 3, 0]))
