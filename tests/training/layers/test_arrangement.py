"""Layers that join, cut, reorder or pass on numbers."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run, set_blobs
from training.errors import LayerError

CONCAT_X = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)


def concat_blobs(kind: str, names: str) -> str:
    return " ".join(f'{kind}: "{name}"' for name in names)


@pytest.mark.parametrize(("settings", "axis"), [("", 1), ("axis: 0", 0), ("axis: -1", 2), ("concat_dim: 2", 2)])
def test_slice_then_concat(settings: str, axis: int) -> None:
    cut, shapes = layer_of(
        f'type: "Slice" bottom: "x" {concat_blobs("top", "ab")} slice_param {{ axis: {axis} slice_point: 1 }}',
        CONCAT_X.shape,
    )
    parts = run(cut, CONCAT_X)
    for part, shape, expected in zip(parts, shapes, np.split(CONCAT_X, [1], axis), strict=True):
        assert part.shape == shape
        np.testing.assert_array_equal(part, expected)
    joined, joined_shapes = layer_of(
        f'type: "Concat" {concat_blobs("bottom", "ab")} top: "x" concat_param {{ {settings} }}', *shapes
    )
    assert joined_shapes == [CONCAT_X.shape]
    np.testing.assert_array_equal(run(joined, *parts)[0], CONCAT_X)


def test_slice_into_equal_parts() -> None:
    layer, shapes = layer_of(f'type: "Slice" bottom: "x" {concat_blobs("top", "abc")}', CONCAT_X.shape)
    assert shapes == [(2, 2, 3)] * 3
    for part, expected in zip(run(layer, CONCAT_X), np.split(CONCAT_X, 3, 1), strict=True):
        np.testing.assert_array_equal(part, expected)


def test_tile() -> None:
    layer, shapes = layer_of('type: "Tile" bottom: "x" top: "y" tile_param { axis: 0 tiles: 3 }', CONCAT_X.shape)
    assert shapes == [(6, 6, 3)]
    np.testing.assert_array_equal(run(layer, CONCAT_X)[0], np.tile(CONCAT_X, (3, 1, 1)))


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "Concat" bottom: "a" bottom: "b"', [(2, 3), (3, 3)], "differ in more than axis 1"),
        ('type: "Concat" bottom: "a" bottom: "b"', [(2, 3), (2, 3, 1)], "differ in more than axis 1"),
        ('type: "Concat" bottom: "a" concat_param { axis: 1 concat_dim: 1 }', [(2, 3)], "former name"),
        ('type: "Slice" bottom: "a" top: "z"', [(2, 3)], r"axis 1 of 2x3 into 2 equal parts"),
        ('type: "Slice" bottom: "a" top: "z" slice_param { slice_point: 3 }', [(2, 3)], "between 0 and 3"),
        ('type: "Slice" bottom: "a" slice_param { slice_point: 1 }', [(2, 3)], r"expected 0 rising"),
        ('type: "Tile" bottom: "a"', [(2, 3)], "tiles is missing"),
    ],
)
def test_joins_and_cuts_that_do_not_fit(text: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} top: "y"', *shapes)


CROP_X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
CROP_TEXT = 'type: "Crop" bottom: "x" bottom: "like" top: "y" crop_param {{ {} }}'


@pytest.mark.parametrize(
    ("settings", "like", "expected"),
    [
        ("", (9, 9, 2, 3), CROP_X[:, :, :2, :3]),
        ("offset: 1", (1, 1, 3, 4), CROP_X[:, :, 1:4, 1:5]),
        ("offset: 2 offset: 0", (1, 1, 1, 4), CROP_X[:, :, 2:3, :4]),
        ("axis: -1 offset: 4", (1, 1, 1, 1), CROP_X[..., 4:]),
        ("axis: 0", (1, 2, 3, 4), CROP_X[:1, :2, :3, :4]),
    ],
)
def test_crop(settings: str, like: tuple[int, ...], expected: np.ndarray) -> None:
    layer, shapes = layer_of(CROP_TEXT.format(settings), CROP_X.shape, like)
    assert shapes == [expected.shape]
    np.testing.assert_array_equal(run(layer, CROP_X, np.zeros(like, np.float32))[0], expected)


@pytest.mark.parametrize(
    ("settings", "like", "message"),
    [
        ("offset: 3", (1, 1, 2, 2), "cannot cut 2 starting at 3 from axis 2"),
        ("axis: 1 offset: 1 offset: 1", (1, 1, 2, 2), "has 2 offsets"),
        ("", (1, 2, 2), "fewer axes"),
    ],
)
def test_crop_settings_that_do_not_fit(settings: str, like: tuple[int, ...], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(CROP_TEXT.format(settings), CROP_X.shape, like)


RESHAPED = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('type: "Flatten"', (2, 60)),
        ('type: "Flatten" flatten_param { axis: 0 }', (120,)),
        ('type: "Flatten" flatten_param { axis: 1 end_axis: 2 }', (2, 12, 5)),
        ('type: "Flatten" flatten_param { axis: -2 end_axis: -3 }', (2, 3, 1, 4, 5)),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 } }', (2, 60)),
        ('type: "Reshape" reshape_param { shape { dim: -1 dim: 0 dim: 2 } }', (20, 3, 2)),
        ('type: "Reshape" reshape_param { axis: 1 num_axes: 2 shape { dim: -1 dim: 2 } }', (2, 6, 2, 5)),
        ('type: "Reshape" reshape_param { axis: -1 shape { dim: 1 } }', (2, 3, 4, 5, 1)),
    ],
)
def test_the_numbers_stay_in_order(text: str, expected: tuple[int, ...]) -> None:
    layer, shapes = layer_of(f'{text} bottom: "x" top: "y"', RESHAPED.shape)
    assert shapes == [expected]
    np.testing.assert_array_equal(run(layer, RESHAPED)[0], RESHAPED.reshape(expected))


@pytest.mark.parametrize(
    ("order", "expected"), [("order: 0 order: 2 order: 3 order: 1", (0, 2, 3, 1)), ("order: 3", (3, 0, 1, 2))]
)
def test_permute(order: str, expected: tuple[int, ...]) -> None:
    layer, shapes = layer_of(f'type: "Permute" bottom: "x" top: "y" permute_param {{ {order} }}', RESHAPED.shape)
    assert shapes == [RESHAPED.transpose(expected).shape]
    np.testing.assert_array_equal(run(layer, RESHAPED)[0], RESHAPED.transpose(expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "Flatten" top: "x"', "in place"),
        ('type: "Flatten" top: "y" flatten_param { axis: 3 end_axis: 1 }', "end_axis 1 comes before axis 3"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: 7 dim: -1 } }', "expected 120 numbers in all"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: -1 dim: -1 } }', "at most one -1"),
        ('type: "Reshape" top: "y" reshape_param { shape { dim: -2 dim: -60 } }', "expected 120 numbers in all"),
        ('type: "Reshape" top: "y" reshape_param { axis: 3 shape { dim: 5 dim: 0 } }', "has no axis there"),
        ('type: "Reshape" top: "y" reshape_param { axis: 2 num_axes: 3 shape { dim: -1 } }', "do not fit"),
        ('type: "Permute" top: "y" permute_param { order: 1 order: 1 }', "each once"),
        ('type: "Permute" top: "y" permute_param { order: 4 }', "each once"),
    ],
)
def test_reshapes_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(f'{text} bottom: "x"', RESHAPED.shape)


def test_parameter() -> None:
    layer, shapes = layer_of('type: "Parameter" top: "y" parameter_param { shape { dim: 2 dim: 3 } }')
    assert shapes == [(2, 3)]
    np.testing.assert_array_equal(run(layer)[0], np.zeros((2, 3)))
    set_blobs(layer, np.ones((2, 3)))
    (top,) = layer.forward([])
    top.sum().backward()
    assert layer.blobs[0].grad is not None
    assert layer.blobs[0].grad.tolist() == [[1] * 3] * 2
    with pytest.raises(LayerError, match="at least 1"):
        layer_of('type: "Parameter" top: "y" parameter_param { shape { dim: 0 } }')


def test_silence() -> None:
    layer, shapes = layer_of('type: "Silence" bottom: "a" bottom: "b"', (2,), (3,))
    assert shapes == []
    assert run(layer, np.zeros(2), np.zeros(3)) == []


def test_split() -> None:
    layer, shapes = layer_of('type: "Split" bottom: "x" top: "a" top: "b"', (2, 3))
    assert shapes == [(2, 3)] * 2
    x = np.random.default_rng(0).standard_normal((2, 3))
    for top in run(layer, x):
        np.testing.assert_array_equal(top, x)
    with pytest.raises(LayerError, match="in place"):
        layer_of('type: "Split" bottom: "x" top: "x"', (2, 3))
