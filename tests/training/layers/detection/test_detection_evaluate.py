"""DetectionEvaluate by hand, from the rules of PASCAL VOC (Everingham et al. 2010)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

OBJECTS = [
    [0, 1, 0, 0.1, 0.1, 0.5, 0.5, 0],
    [0, 1, 1, 0.6, 0.6, 0.9, 0.9, 1],
    [0, 2, 2, 0.1, 0.5, 0.4, 0.9, 0],
    [1, 1, 0, 0.2, 0.2, 0.8, 0.8, 0],
    [-1, 9, 9, 0, 0, 0, 0, 0],
    [1, 2, 0, 0.2, 0.2, 0.8, 0.8, 0],  # after the end
]
BOXES = [
    [0, 1, 0.6, 0.1, 0.1, 0.5, 0.48],  # finds object 0, but later than the next one
    [0, 1, 0.9, 0.12, 0.1, 0.5, 0.5],
    [0, 1, 0.5, 0.61, 0.6, 0.9, 0.9],  # the difficult one
    [0, 1, 0.3, 0.0, 0.8, 0.2, 1.0],  # nothing
    [0, 2, 0.8, 0.4, 0.5, 0.7, 0.9],  # touches object 2
    [1, 2, 0.7, 0.2, 0.2, 0.8, 0.8],  # the place is right, but not the label
    [1, 1, 0.4, 0.2, 0.2, 0.8, 0.8],
    [-1, 0, 0, 0, 0, 0, 0],
]


def evaluated(param: str = "", boxes: list[list[float]] = BOXES, objects: list[list[float]] = OBJECTS) -> np.ndarray:
    text = f'type: "DetectionEvaluate" bottom: "d" bottom: "o" top: "e" detection_evaluate_param {{ num_classes: 3 {param} }}'
    bottoms = np.float32([[boxes]]), np.float32([[objects]])
    layer, shapes = layer_of(text, *(bottom.shape for bottom in bottoms))
    assert shapes == [(1, 1, 2 + len(boxes), 5)]
    return run(layer, *bottoms)[0][0, 0]


def test_right_wrong_and_twice() -> None:
    expected = [
        [-1, 1, 3, -1, -1],
        [-1, 2, 1, -1, -1],
        [0, 1, 0.9, 1, 0],
        [0, 1, 0.6, 0, 1],
        [0, 1, 0.5, 1, 0],
        [0, 1, 0.3, 0, 1],
        [0, 2, 0.8, 0, 1],
        [1, 1, 0.4, 1, 0],
        [1, 2, 0.7, 0, 1],
    ]
    np.testing.assert_allclose(evaluated(), expected, rtol=1e-6)


def test_difficult_objects_are_neither() -> None:
    rows = evaluated("evaluate_difficult_gt: false")
    np.testing.assert_allclose(rows[0], [-1, 1, 2, -1, -1])
    np.testing.assert_allclose(rows[4], [0, 1, 0.5, 0, 0])


def test_the_threshold() -> None:
    # The intersection of box and object 0 is 0.95 and 0.95 of it, by hand.
    assert evaluated("overlap_threshold: 0.94")[2].tolist()[3:] == [1, 0]
    assert evaluated("overlap_threshold: 0.96")[2].tolist()[3:] == [0, 1]


def test_sizes_of_pictures_count_whole_pixels(tmp_path: Path) -> None:
    """At 9 x 9 pixels, the boxes 0 to 9 and 5 to 9 are 10 and 5 pixels wide, so they overlap by half; as fractions by 4/9."""
    boxes, objects = [[0, 1, 0.9, 5 / 9, 0, 1, 1]], [[0, 1, 0, 0, 0, 1, 1, 0]]
    (tmp_path / "sizes.txt").write_text("a 9 9\n\nb 900 900\n")
    assert evaluated("overlap_threshold: 0.499", boxes, objects)[2, 3:].tolist() == [0, 1]
    sized = f'overlap_threshold: 0.499 name_size_file: "{tmp_path}/sizes.txt"'
    assert evaluated(sized, boxes, objects)[2, 3:].tolist() == [1, 0]
    # The second picture has the second size.
    both = [[0, 1, 0.9, 5 / 9, 0, 1, 1], [1, 1, 0.9, 5 / 9, 0, 1, 1]]
    assert evaluated(sized, both, [*objects, [1, *objects[0][1:]]])[2:, 3].tolist() == [1, 0]


@pytest.mark.parametrize("text", ["", "a 9\n", "a 9 x\n", "a 0 9\n"])
def test_sizes_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "sizes.txt").write_text(text)
    words = "holds no picture" if not text else r"sizes\.txt:1: found .*; expected a name, the height and the width"
    with pytest.raises(LayerError, match=words):
        evaluated(f'name_size_file: "{tmp_path}/sizes.txt"')
    with pytest.raises(LayerError, match="cannot be read"):
        evaluated(f'name_size_file: "{tmp_path}/none.txt"')


def test_what_is_refused() -> None:
    with pytest.raises(LayerError, match="num_classes is missing"):
        layer_of('type: "DetectionEvaluate" bottom: "d" bottom: "o" top: "e"', (1, 1, 2, 7), (1, 1, 2, 8))
    with pytest.raises(LayerError, match="an object has label 1, the background"):
        evaluated("background_label_id: 1")
    with pytest.raises(LayerError, match="overlap_threshold is 0; expected"):
        evaluated("overlap_threshold: 0")
    with pytest.raises(LayerError, match="second bottom is 1x1x1x7; expected 1 x 1 x N x 8"):
        evaluated(objects=[[0] * 7])
