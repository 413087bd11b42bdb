"""Accuracy against plain counting."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST
from kits.training_layers import layer_of, run
from training.errors import LayerError

TEXT = 'name: "acc" type: "Accuracy" bottom: "fc8" bottom: "label" top: "accuracy" {}'


def by_loops(scores: np.ndarray, labels: np.ndarray, top_k: int, ignored: int | None) -> tuple[float, list[float]]:
    """Count as right if fewer than top_k other classes score at least as high.

    Scores are N x C x inner, labels N x inner.
    """
    classes = scores.shape[1]
    right, seen = [0] * classes, [0] * classes
    for n, i in np.ndindex(labels.shape):
        label = int(labels[n, i])
        if label == ignored:
            continue
        others = sum(scores[n, c, i] >= scores[n, label, i] for c in range(classes) if c != label)
        right[label] += others < top_k
        seen[label] += 1
    return sum(right) / sum(seen), [r / s if s else 0 for r, s in zip(right, seen, strict=True)]


@pytest.mark.parametrize("top_k", [1, 2, 5])
@pytest.mark.parametrize("ignored", [None, 1])
def test_values(top_k: int, ignored: int | None) -> None:
    random = np.random.default_rng(top_k)
    # Integers, so that many are equal.
    scores = random.integers(-3, 4, (6, 5, 7)).astype(np.float32)
    # Without class 4.
    labels = random.integers(0, 4, (6, 7)).astype(np.float32)
    settings = f"top_k: {top_k} axis: 1 {'' if ignored is None else f'ignore_label: {ignored}'}"
    layer, shapes = layer_of(TEXT.format(f'top: "each" accuracy_param {{ {settings} }}'), scores.shape, labels.shape)
    assert shapes == [(), (5,)]
    accuracy, each = run(layer, scores, labels)
    expected, expected_each = by_loops(scores, labels, top_k, ignored)
    assert 0 < expected < 1 or top_k == 5
    assert accuracy == pytest.approx(expected)
    np.testing.assert_allclose(each, expected_each, rtol=1e-6)


def test_a_net_that_gives_all_classes_the_same_is_never_right() -> None:
    """Caffe does so since 2017; otherwise the first of equal scores would decide."""
    layer, _ = layer_of(TEXT.format(""), (3, 3), (3,), phase=TEST)
    assert run(layer, np.zeros((3, 3), np.float32), np.float32([0, 1, 2]))[0] == 0


def test_a_net_that_gives_nan_is_never_right() -> None:
    layer, _ = layer_of(TEXT.format(""), (3, 3), (3,), phase=TEST)
    assert run(layer, np.full((3, 3), np.nan, np.float32), np.float32([0, 1, 2]))[0] == 0


def test_all_labels_ignored() -> None:
    layer, _ = layer_of(TEXT.format("accuracy_param { ignore_label: 1 }"), (2, 3), (2,))
    assert run(layer, np.zeros((2, 3), np.float32), np.float32([1, 1]))[0] == 0


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range(label: int) -> None:
    layer, _ = layer_of(TEXT.format(""), (2, 3), (2,))
    with pytest.raises(LayerError, match=f'layer "acc".*label {label} is out of range.*3 classes'):
        run(layer, np.zeros((2, 3), np.float32), np.float32([0, label]))


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(LayerError, match="top_k is 4; expected at most 3"):
        layer_of(TEXT.format("accuracy_param { top_k: 4 }"), (2, 3), (2,))
    with pytest.raises(LayerError, match="5 labels; expected 2"):
        layer_of(TEXT.format(""), (2, 3), (5,))
    with pytest.raises(LayerError, match="1 bottom"):
        layer_of('type: "Accuracy" bottom: "x" top: "y"', (2, 3))
