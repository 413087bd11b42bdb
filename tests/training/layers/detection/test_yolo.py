"""What the YOLO outputs refuse, and the top of a net that finds nothing. tests/oracle compares their boxes with OpenCV."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

V2 = 'type: "YoloDetectionOutput" bottom: "x" top: "y" yolo_detection_output_param {{ num_classes: 2 {} }}'
V3 = 'type: "Yolov3DetectionOutput" bottom: "x" bottom: "z" top: "y" yolov3_detection_output_param {{ num_classes: 2 {} }}'
BIASES = "biases: [1, 2, 3, 4] num_box: 2"
GROUPS = "biases: [1, 2, 3, 4] num_box: 1 mask: [1, 0] anchors_scale: [32, 16]"


@pytest.mark.parametrize(
    ("text", "shapes", "words"),
    [
        (V2.format("num_box: 2 biases: 1"), [(1, 14, 3, 3)], "has 1 biases; expected 2 for each of 2 boxes"),
        (V2.format("num_box: 0"), [(1, 14, 3, 3)], "must be at least 1"),
        (V2.format(BIASES + " coords: 5"), [(1, 14, 3, 3)], "coords is 5; expected 4"),
        (V2.format(BIASES), [(1, 13, 3, 3)], r"its bottom 0 is 1x13x3x3; expected 1x14xHxW, 5 \+ 2 numbers"),
        (V2.format(BIASES), [(2, 14, 3, 3)], "takes one picture at a time"),
        (V2.format(BIASES), [(1, 14, 3, 4)], "its bottoms are 1x14x3x4; expected as many rows as columns"),
        (V2.format(BIASES), [(1, 14)], "its bottom 0 is 1x14"),
        (V3.format(GROUPS + " mask_group_num: 3"), [(1, 7, 3, 3)] * 2, "has 2 bottoms, but mask_group_num is 3"),
        (V3.format(GROUPS + " mask: 1"), [(1, 7, 3, 3)] * 2, "has 3 numbers in mask and 2 in anchors_scale"),
        (V3.format(GROUPS.replace("0]", "2]")), [(1, 7, 3, 3)] * 2, "has 4 biases; expected 2 for each box that mask"),
        (V3.format(GROUPS.replace("32", "0")), [(1, 7, 3, 3)] * 2, "anchors_scale is 0"),
        (V3.format(GROUPS), [(1, 7, 3, 3), (1, 8, 6, 6)], "its bottom 1 is 1x8x6x6"),
    ],
)
def test_refused(text: str, shapes: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        layer_of(text, *shapes)


@pytest.mark.parametrize(
    ("text", "shapes"), [(V2.format(BIASES), [(1, 14, 3, 3)]), (V3.format(GROUPS), [(1, 7, 3, 3)] * 2)]
)
def test_nothing_found_is_one_row(text: str, shapes: list[tuple[int, ...]]) -> None:
    layer, tops = layer_of(text, *shapes)
    assert tops == [(1, 1, 1, 7)]
    found = run(layer, *(np.full(shape, -20, np.float32) for shape in shapes))[0]
    np.testing.assert_array_equal(found, np.array([0, -1, -1, -1, -1, -1, -1], np.float32).reshape(1, 1, 1, 7))


def test_numbers_that_are_no_numbers_end_well() -> None:
    layer, _ = layer_of(V2.format(BIASES), (1, 14, 3, 3))
    for value in (np.nan, np.inf, -np.inf, 1e30):
        assert run(layer, np.full((1, 14, 3, 3), value, np.float32))[0].shape[3] == 7
