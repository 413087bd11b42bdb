"""Layers of type Python that become known layers."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, LayerParameter, NetParameter
from caffe_io.net_state import filter_net
from caffe_io.parameters.python_layers import with_known_layers

BOXES = 'bottom: "s" bottom: "m" bottom: "i" top: "rois" python_param { module: "rpn.proposal_layer" layer: "ProposalLayer" '


def known(settings: str, phase: int = TEST) -> LayerParameter:
    net = text_format.Parse(f'layer {{ name: "p" type: "Python" {settings} }}', NetParameter())
    return with_known_layers(filter_net(net, phase), "net.prototxt").layer[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ratios", "scales", "base"),
    [
        ("'feat_stride': 8", [0.5, 1, 2], [8, 16, 32], 16),
        ("{'feat_stride': 8, 'scales': [4, 8.5], 'ratios': (1, 3)}", [1, 3], [4, 8.5], 16),
        ("'feat_stride': 8 \\n'scales': !!python/tuple [4, 8]", [0.5, 1, 2], [4, 8], 16),
        ("feat_stride: 8\\nbase_size: 4\\nscales: [2]", [0.5, 1, 2], [2], 4),
    ],
)
def test_proposals(text: str, ratios: list[float], scales: list[float], base: int) -> None:
    layer = known(BOXES + f'param_str: "{text}" }}')
    param = layer.proposal_param
    assert layer.type == "Proposal"
    assert (param.feat_stride, param.base_size, param.min_size) == (8, base, 16)
    assert (list(param.ratio), list(param.scale)) == (ratios, scales)
    assert (param.pre_nms_topn, param.post_nms_topn) == (6000, 300)
    assert list(layer.top) == ["rois"]


def test_proposals_of_training() -> None:
    for text, phase in ((BOXES + "}", TRAIN), ("phase: TRAIN " + BOXES + "}", TEST)):
        param = known(text, phase).proposal_param
        assert (param.pre_nms_topn, param.post_nms_topn) == (12000, 2000)


@pytest.mark.parametrize(
    "text", ["'feat_stride': 8, 'num_classes': 21", "'feat_stride': 'wide'", "'scales': []", "8", "'feat_stride': -1"]
)
def test_settings_that_nobody_knows(text: str) -> None:
    assert known(BOXES + f'param_str: "{text}" }}').type == "Python"


def test_caffes_own_example(caplog: pytest.LogCaptureFixture) -> None:
    layer = known('bottom: "x" bottom: "y" top: "loss" python_param { module: "pyloss" layer: "EuclideanLossLayer" }')
    assert layer.type == "EuclideanLoss"
    assert "pyloss.EuclideanLossLayer is computed as EuclideanLoss; its code is not run" in caplog.text
    assert known('python_param { module: "pyloss" layer: "Other" }').type == "Python"


DROPOUT = (
    'bottom: "x" top: "y" python_param {{ module: "spatial_dropout" layer: "SpatialDropoutLayer" param_str: "{}" }}'
)


@pytest.mark.parametrize("text", ["{\\'phase\\': \\'TEST\\', \\'p\\': \\'0.1\\'}", "{ 'phase':'TEST','p': .1 }"])
def test_the_dropout_of_enet_enlarges_in_test(text: str) -> None:
    layer = known(DROPOUT.format(text))
    assert layer.type == "Power"
    assert layer.power_param.scale == pytest.approx(1 / 0.9)


@pytest.mark.parametrize(
    "text", ["{'phase': 'TRAIN', 'p': '0.1'}", "{'phase': 'TEST', 'p': '1.1'}", "", "{'p': '0.1'}"]
)
def test_the_dropout_of_enet_in_train_is_left_alone(text: str) -> None:
    assert known(DROPOUT.format(text)).type == "Python"
