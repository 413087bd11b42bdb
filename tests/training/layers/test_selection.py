"""BatchReindex, Embed and Filter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run, set_blobs
from training.errors import LayerError

X = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)


def test_batch_reindex() -> None:
    layer, shapes = layer_of('type: "BatchReindex" bottom: "x" bottom: "i" top: "y"', X.shape, (5,))
    assert shapes == [(5, 2, 3)]
    np.testing.assert_array_equal(run(layer, X, np.float32([3, 0, 0, 1, 3]))[0], X[[3, 0, 0, 1, 3]])
    with pytest.raises(LayerError, match="index -1 is out of range; expected 0 to 3"):
        run(layer, X, np.float32([3, 0, -1, 1, 3]))


def test_the_index_has_no_gradient() -> None:
    layer, _ = layer_of('type: "BatchReindex" bottom: "x" bottom: "i" top: "y"', X.shape, (2,))
    bottom, index = torch.from_numpy(X).requires_grad_(), torch.tensor([0.0, 0.0])
    layer.forward([bottom, index])[0].sum().backward()
    assert bottom.grad is not None
    assert bottom.grad[:, 0, 0].tolist() == [2, 0, 0, 0]
    (top,) = layer.forward([bottom, index.requires_grad_()])
    with pytest.raises(LayerError, match="has no gradient"):
        top.sum().backward()


def test_embed() -> None:
    layer, shapes = layer_of('type: "Embed" bottom: "x" top: "y" embed_param { num_output: 2 input_dim: 3 }', (2, 2))
    assert shapes == [(2, 2, 2)]
    rows = np.float32([[1, 2], [3, 4], [5, 6]])
    set_blobs(layer, rows, np.float32([10, 20]))
    indices = np.float32([[2, 0], [1, 1]])
    np.testing.assert_array_equal(run(layer, indices)[0], rows[indices.astype(int)] + [10, 20])
    with pytest.raises(LayerError, match="index 3 is out of range; expected 0 to 2"):
        run(layer, indices + 1)


def test_filter() -> None:
    layer, shapes = layer_of('type: "Filter" bottom: "x" bottom: "s" top: "y"', X.shape, (4, 1, 1))
    assert shapes == [X.shape]
    selector = np.float32([0, 2, 0, -1]).reshape(4, 1, 1)
    np.testing.assert_array_equal(run(layer, X, selector)[0], X[[1, 3]])
    assert run(layer, X, 0 * selector)[0].shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "BatchReindex" bottom: "x" bottom: "i"', [(2, 3), (2, 1)], "one axis"),
        ('type: "Embed" bottom: "x" embed_param { num_output: 2 }', [(2,)], "input_dim must be at least 1"),
        ('type: "Filter" bottom: "x" bottom: "s"', [(2, 3), (2, 2)], "one number for each item"),
        ('type: "Filter" bottom: "x" bottom: "s"', [(2, 3), (3,)], "expected 3 items in each"),
        ('type: "Filter" bottom: "x" bottom: "s" top: "z"', [(2, 3), (2,)], "has 2 tops; expected 1"),
    ],
)
def test_settings_that_do_not_fit(text: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} top: "y"', *shapes)
