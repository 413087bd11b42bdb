"""The anchors of Proposal, as py-faster-rcnn's own page prints them."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_io.caffe_pb2 import ProposalParameter
from caffe_io.parameters.anchors import anchors, proposal_problem


def test_the_anchors_of_faster_rcnn() -> None:
    found = anchors(ProposalParameter(ratio=[0.5, 1, 2], scale=[8, 16, 32]))
    published = [
        [-83, -39, 100, 56],
        [-175, -87, 192, 104],
        [-359, -183, 376, 200],
        [-55, -55, 72, 72],
        [-119, -119, 136, 136],
        [-247, -247, 264, 264],
        [-35, -79, 52, 96],
        [-79, -167, 96, 184],
        [-167, -343, 184, 360],
    ]
    # They count pixels from 1.
    np.testing.assert_array_equal(found, np.array(published) - 1)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "needs at least one ratio"),
        ({"ratio": [1], "scale": [0]}, "a ratio or scale outside 0.0001 to 10000."),
        ({"ratio": [float("nan")], "scale": [1]}, "a ratio or scale outside"),
        ({"ratio": [1], "scale": [float("inf")]}, "a ratio or scale outside"),
        ({"ratio": [1], "scale": [1], "post_nms_topn": 0}, "has 0 for feat_stride"),
        ({"ratio": [1], "scale": [1]}, ""),
    ],
)
def test_settings(settings: dict[str, list[float]], problem: str) -> None:
    found = proposal_problem(ProposalParameter(**settings))
    assert problem in found
    assert bool(problem) == bool(found)
