"""ROIPooling, PSROIPooling and Proposal by hand; tests/oracle/test_layers_regions.py compares them with other programs."""

from __future__ import annotations

import numpy as np
import pytest

from kits.training_layers import layer_of, run
from training.errors import LayerError

MAP = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
ROI = 'type: "ROIPooling" bottom: "x" bottom: "r" top: "y" roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }'
PSROI = (
    'type: "PSROIPooling" bottom: "x" bottom: "r" top: "y" '
    "psroi_pooling_param { output_dim: 1 group_size: 2 spatial_scale: 0.5 }"
)
PROPOSAL = 'type: "Proposal" bottom: "s" bottom: "m" bottom: "i" top: "r" top: "p" proposal_param { '
ONE = PROPOSAL + "ratio: 1 scale: 1 feat_stride: 10 base_size: 10 min_size: 3 post_nms_topn: 5 nms_thresh: 0.5 }"


def test_roi_pooling_takes_maxima() -> None:
    layer, shapes = layer_of(ROI, MAP.shape, (2, 5))
    assert shapes == [(2, 1, 2, 2)]
    # The second lies outside.
    top = run(layer, MAP, np.float32([[0, 0, 0, 6, 6], [0, 20, 20, 30, 30]]))[0]
    assert top.tolist() == [[[[5, 7], [13, 15]]], [[[0, 0], [0, 0]]]]


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1])
def test_pad_ratio_enlarges_the_regions(ratio: float) -> None:
    """MS-CNN's: the same as larger regions. tests/oracle/test_layers_regions.py tries the converted layer."""
    random = np.random.default_rng(4)
    maps = random.standard_normal((1, 2, 12, 14)).astype(np.float32)
    ends = np.sort(random.integers(0, 24, (2, 30, 2)), 0)
    boxes = np.concatenate([np.zeros((30, 1)), ends[0], ends[1]], 1).astype(np.float32)
    pad = (boxes[:, 3:] - boxes[:, 1:3] + 1) * np.float32(ratio)
    larger = np.concatenate([boxes[:, :1], boxes[:, 1:3] - pad, boxes[:, 3:] + pad], 1)
    padded = ROI.replace("pooled_h", f"pad_ratio: {ratio} pooled_h")
    found = run(layer_of(padded, maps.shape, boxes.shape)[0], maps, boxes)[0]
    np.testing.assert_array_equal(found, run(layer_of(ROI, maps.shape, boxes.shape)[0], maps, larger)[0])
    assert np.abs(found - run(layer_of(ROI, maps.shape, boxes.shape)[0], maps, boxes)[0]).max() > 0.1


def test_psroi_pooling_takes_the_channel_of_each_place() -> None:
    maps = np.repeat(np.float32([1, 2, 3, 4]), 16).reshape(1, 4, 4, 4)
    layer, shapes = layer_of(PSROI, maps.shape, (1, 5))
    assert shapes == [(1, 1, 2, 2)]
    assert run(layer, maps, np.float32([[0, 0, 0, 7, 7]]))[0].tolist() == [[[[1, 2], [3, 4]]]]


def test_no_regions_at_all() -> None:
    for text, channels in ((ROI, 1), (PSROI, 4)):
        maps = np.ones((1, channels, 4, 4), np.float32)
        layer, _ = layer_of(text, maps.shape, (1, 5))
        assert run(layer, maps, np.zeros((0, 5), np.float32))[0].shape == (0, 1, 2, 2)


@pytest.mark.parametrize("corner", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_corners_that_are_no_places(corner: float) -> None:
    for text, channels in ((ROI, 1), (PSROI, 4)):
        layer, _ = layer_of(text, (1, channels, 4, 4), (3, 5))
        boxes = np.float32([[0, corner, 0, 3, 3], [0, 0, 0, 3, corner], [0, corner, corner, corner, corner]])
        top = run(layer, np.ones((1, channels, 4, 4), np.float32), boxes)[0]
        assert set(np.unique(top)) <= {0, 1}


@pytest.mark.parametrize("number", [-1, 1, 7])
def test_a_region_of_a_picture_that_is_not_there(number: int) -> None:
    layer, _ = layer_of(ROI, MAP.shape, (1, 5))
    with pytest.raises(LayerError, match=f"a region is of picture {number}; expected 0 to 0"):
        run(layer, MAP, np.float32([[number, 0, 0, 1, 1]]))


def test_proposals_are_sorted_and_do_not_overlap() -> None:
    """Four anchors of 10 x 10 in a row; the third is moved onto the second, and the fourth becomes too small."""
    scores = np.zeros((1, 2, 1, 4), np.float32)
    scores[0, 1] = [0.2, 0.9, 0.8, 0.7]
    moves = np.zeros((1, 4, 1, 4), np.float32)
    moves[0, 0, 0, 2] = -1
    moves[0, 2:, 0, 3] = np.log(0.1)
    layer, shapes = layer_of(ONE, scores.shape, moves.shape, (1, 3))
    assert shapes == [(5, 5), (5,)]
    boxes, found = run(layer, scores, moves, np.float32([[30, 60, 1]]))
    np.testing.assert_allclose(boxes[:, 1], [10, 0, 34.5], atol=1e-5)
    np.testing.assert_allclose(found, [0.9, 0.2, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        (ROI, [(1, 2, 3), (1, 5)], "expected N x C x H x W and R x 5"),
        (ROI, [(1, 2, 3, 3), (1, 4)], "expected N x C x H x W and R x 5"),
        (ROI.replace("pooled_h: 2", ""), [(1, 2, 3, 3), (1, 5)], "pooled_h and pooled_w"),
        (PSROI, [(1, 3, 4, 4), (1, 5)], "output_dim x group_size x group_size channels"),
        (PSROI.replace("group_size: 2", "group_size: -2"), [(1, 4, 4, 4), (1, 5)], "both above 0"),
        (PROPOSAL + "}", [(1, 2, 1, 4), (1, 4, 1, 4), (1, 3)], "at least one ratio and one scale"),
        (ONE, [(1, 4, 1, 4), (1, 4, 1, 4), (1, 3)], "expected N x 2 x H x W and N x 4 x H x W for 1 anchors"),
        (ONE, [(1, 2, 1, 4), (1, 4, 1, 4), (1, 2)], "height, width, scale"),
    ],
)
def test_refused(text: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer_of(text, *shapes)
