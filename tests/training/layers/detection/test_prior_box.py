"""PriorBox, by hand; tests/oracle/test_ssd_layers.py compares it with other programs."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

FEATURES, PICTURE = np.zeros((1, 8, 2, 1), np.float32), np.zeros((1, 3, 100, 200), np.float32)


def prior_box(param: str) -> tuple[list[tuple[int, ...]], np.ndarray]:
    text = f'type: "PriorBox" bottom: "f" bottom: "x" top: "y" prior_box_param {{ {param} }}'
    layer, shapes = layer_of(text, FEATURES.shape, PICTURE.shape)
    top = run(layer, FEATURES, PICTURE)[0]
    assert top.shape == shapes[0]
    np.testing.assert_array_equal(top, run(layer, FEATURES, PICTURE)[0])
    return shapes, top


def test_boxes_lie_around_the_centre_of_each_cell() -> None:
    shapes, top = prior_box("min_size: 20")
    assert shapes == [(1, 2, 8)]
    # Cells of 50 x 200 pixels, and boxes of 20 x 20.
    np.testing.assert_allclose(top[0, 0].reshape(2, 4), [[0.45, 0.15, 0.55, 0.35], [0.45, 0.65, 0.55, 0.85]], rtol=1e-6)
    np.testing.assert_allclose(top[0, 1], 0.1)


def test_the_order_of_the_sizes_at_a_cell() -> None:
    _, top = prior_box(
        "min_size: 10.9 max_size: 40.9 min_size: 20 max_size: 80 aspect_ratio: 4 aspect_ratio: 1 flip: true"
    )
    boxes = top[0, 0].reshape(2, 8, 4)[0]
    sizes = (boxes[:, 2:] - boxes[:, :2]) * [200, 100]
    # Sizes are rounded down to whole pixels: 10 and 40.
    expected = [[10, 10], [20, 20], [20, 5], [5, 20], [20, 20], [40, 40], [40, 10], [10, 40]]
    np.testing.assert_allclose(sizes, expected, rtol=1e-4)


def test_clip_step_offset_and_variances() -> None:
    _, top = prior_box(
        "min_size: 60 clip: true step_h: 80 step_w: 10 offset: 0 variance: 0.1 variance: 0.2 variance: 0.3 variance: 0.4"
    )
    np.testing.assert_allclose(top[0, 0].reshape(2, 4), [[0, 0, 0.15, 0.3], [0, 0.5, 0.15, 1]], rtol=1e-6)
    np.testing.assert_allclose(top[0, 1].reshape(2, 4), [[0.1, 0.2, 0.3, 0.4]] * 2, rtol=1e-6)


def test_img_size_counts_instead_of_the_bottom() -> None:
    for size in ("img_size: 400", "img_h: 400 img_w: 400"):
        _, top = prior_box(f"min_size: 40 step: 100 {size}")
        np.testing.assert_allclose(top[0, 0].reshape(2, 4)[1], [0.075, 0.325, 0.175, 0.425], rtol=1e-6)


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("", "min_size is missing"),
        ("min_size: 3 min_size: 4 max_size: 9", "has 2 min_size and 1 max_size"),
        ("min_size: 9 max_size: 9", "min_size 9 and max_size 9: expected 1 <= min_size < max_size"),
        ("min_size: nan", "expected 1 <= min_size"),
        ("min_size: 9 aspect_ratio: 0", "aspect_ratio 0: expected a number above 0"),
        ("min_size: 9 variance: 0.1 variance: 0.2", "variance is 0.1, 0.2; expected one number above 0, or four"),
        ("min_size: 9 img_size: 9 img_w: 9", "has img_size beside img_h or img_w"),
        ("min_size: 9 img_w: 9", "img_h is 0 and img_w 9"),
        ("min_size: 9 img_size: 0", "img_size is 0"),
        ("min_size: 9 step: 1 step_h: 1", "has step beside"),
        ("min_size: 9 step_h: 1", "step_h is 1 and step_w 0"),
        ("min_size: 9 step: 0", "step is 0; expected pixels above 0"),
    ],
)
def test_settings_that_are_refused(param: str, words: str) -> None:
    with pytest.raises(LayerError, match=words):
        prior_box(param)


def test_bottoms_without_pixels_are_refused() -> None:
    text = 'type: "PriorBox" bottom: "f" bottom: "x" top: "y" prior_box_param { min_size: 9 }'
    with pytest.raises(LayerError, match="expected bottoms of 4 axes, a map and the picture; found 1x8, 1x3x9x9"):
        layer_of(text, (1, 8), (1, 3, 9, 9))
    with pytest.raises(LayerError, match="its bottom 1x8x0x2 is empty"):
        layer_of(text, (1, 8, 0, 2), (1, 3, 9, 9))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("width: 3 height: 4 min_size: 5", "has width or height beside min_size"),
        ("width: 3", "has 1 width and 0 height; expected as many"),
        ("width: 0 height: 4", "expected as many, all above 0"),
        ("width: 3 height: 4 img_size: 9", "img_size, img_h or img_w, which count for no such boxes"),
        ("", "min_size is missing"),
    ],
)
def test_clustered_boxes_that_are_refused(setting: str, words: str) -> None:
    """tests/oracle compares those that are computed with Model Optimizer."""
    text = f'type: "PriorBoxClustered" bottom: "x" bottom: "d" top: "y" prior_box_param {{ {setting} }}'
    with pytest.raises(LayerError, match=words):
        layer_of(text, (1, 2, 3, 4), (1, 3, 20, 30))
