"""Pictures of nets for scripts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, NetParameter
from training.drawing.net_image import draw_net_image

NET = """name: "Both"
layer { name: "train" type: "Data" top: "data" top: "label" include { phase: TRAIN } }
layer { name: "test" type: "Data" top: "data" top: "label" include { phase: TEST } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" bottom: "nowhere" top: "loss" }
"""


def net_of(text: str) -> NetParameter:
    return text_format.Parse(text, NetParameter())


def test_svg_of_all_phases_or_one() -> None:
    both, test = (draw_net_image(net_of(NET), "svg", phase).decode() for phase in (None, TEST))
    assert ">train<" in both
    assert ">test<" in both
    assert ">train<" not in test
    assert ">relu  ReLU<" in test


def test_png_has_boxes() -> None:
    picture = cv2.imdecode(np.frombuffer(draw_net_image(net_of(NET), "png"), np.uint8), cv2.IMREAD_COLOR)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert min(picture.shape[:2]) > 100


def test_other_formats() -> None:
    assert draw_net_image(net_of(NET), "pdf").startswith(b"%PDF")
    with pytest.raises(ValueError, match="'docx' is not supported"):
        draw_net_image(net_of(NET), "docx")


def test_an_old_net_and_an_empty_one() -> None:
    old = net_of('layers { name: "fc" type: INNER_PRODUCT top: "y" }')
    assert b">fc<" in draw_net_image(old, "svg")
    assert old.layers, "the caller's net stays as it is"
    assert draw_net_image(NetParameter(), "png").startswith(b"\x89PNG")
