"""Which layers of Faster R-CNN are refused; tests/oracle/test_layers_regions.py compares the others."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from ncs.converter import convert
from ncs.errors import ConversionError

BOXES = "proposal_param { ratio: 1 scale: 1 }"
PS = "psroi_pooling_param { spatial_scale: 1 group_size: 2 output_dim: 2 }"


@pytest.mark.parametrize(
    ("kind", "shapes", "settings", "message"),
    [
        ("Proposal", ["1 2 4 4", "1 4 4 4", "1 3"], "proposal_param { }", "at least one ratio"),
        ("Proposal", ["1 2 4 4", "1 8 4 4", "1 3"], BOXES, "expected N x 2 x H x W"),
        ("Proposal", ["2 2 4 4", "2 4 4 4", "1 3"], BOXES, "one picture at a time"),
        ("Proposal", ["1 2 4 4", "1 4 4 4", "1 6"], BOXES, "its third bottom is 1x6"),
        ("ROIPooling", ["1 2 4 4", "3 5"], "", "pooled_h and pooled_w"),
        ("ROIPooling", ["1 2 4 4", "3 4"], "roi_pooling_param { pooled_h: 2 pooled_w: 2 }", "and R x 5"),
        ("PSROIPooling", ["1 9 4 4", "3 5"], PS, "output_dim x group_size x group_size channels"),
    ],
)
def test_refused(kind: str, shapes: list[str], settings: str, message: str) -> None:
    net = NetParameter()
    names = [f"b{number}" for number in range(len(shapes))]
    for name, shape in zip(names, shapes, strict=True):
        layer = net.layer.add(name=name, type="Input", top=[name])
        layer.input_param.shape.add(dim=map(int, shape.split()))
    text_format.Parse(f'name: "it" type: "{kind}" top: "y" {settings}', net.layer.add(bottom=names))
    with pytest.raises(ConversionError, match=message):
        convert(net, {})
