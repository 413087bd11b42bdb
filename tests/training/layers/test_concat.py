"""Concat, Slice and Tile."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

X = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)


def blobs(kind: str, names: str) -> str:
    return " ".join(f'{kind}: "{name}"' for name in names)


@pytest.mark.parametrize(("settings", "axis"), [("", 1), ("axis: 0", 0), ("axis: -1", 2), ("concat_dim: 2", 2)])
def test_slice_then_concat(settings: str, axis: int) -> None:
    cut, shapes = layer_of(
        f'type: "Slice" bottom: "x" {blobs("top", "ab")} slice_param {{ axis: {axis} slice_point: 1 }}', X.shape
    )
    parts = run(cut, X)
    for part, shape, want in zip(parts, shapes, np.split(X, [1], axis), strict=True):
        assert part.shape == shape
        np.testing.assert_array_equal(part, want)
    joined, behind = layer_of(f'type: "Concat" {blobs("bottom", "ab")} top: "x" concat_param {{ {settings} }}', *shapes)
    assert behind == [X.shape]
    np.testing.assert_array_equal(run(joined, *parts)[0], X)


def test_slice_into_equal_parts() -> None:
    layer, shapes = layer_of(f'type: "Slice" bottom: "x" {blobs("top", "abc")}', X.shape)
    assert shapes == [(2, 2, 3)] * 3
    for part, want in zip(run(layer, X), np.split(X, 3, 1), strict=True):
        np.testing.assert_array_equal(part, want)


def test_tile() -> None:
    layer, shapes = layer_of('type: "Tile" bottom: "x" top: "y" tile_param { axis: 0 tiles: 3 }', X.shape)
    assert shapes == [(6, 6, 3)]
    np.testing.assert_array_equal(run(layer, X)[0], np.tile(X, (3, 1, 1)))


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "Concat" bottom: "a" bottom: "b"', [(2, 3), (3, 3)], "differ not only in axis 1"),
        ('type: "Concat" bottom: "a" bottom: "b"', [(2, 3), (2, 3, 1)], "differ not only in axis 1"),
        ('type: "Concat" bottom: "a" concat_param { axis: 1 concat_dim: 1 }', [(2, 3)], "former name"),
        ('type: "Slice" bottom: "a" top: "z"', [(2, 3)], r"axis 1 of \[2, 3\] into 2 equal parts"),
        ('type: "Slice" bottom: "a" top: "z" slice_param { slice_point: 3 }', [(2, 3)], "between 0 and 3"),
        ('type: "Slice" bottom: "a" slice_param { slice_point: 1 }', [(2, 3)], r"must be 0 rising"),
        ('type: "Tile" bottom: "a"', [(2, 3)], "tiles is missing"),
    ],
)
def test_settings_that_do_not_fit(text: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} top: "y"', *shapes)
