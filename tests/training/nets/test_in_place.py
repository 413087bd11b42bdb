from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, NetParameter
from training.nets.in_place import find_overwritten
from training.nets.net import Net

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'


def overwritten(*layers: str) -> list[str]:
    """The layers, each written "Type bottom top settings", whose gradient is Caffe's own."""
    texts = [INPUT]
    for number, text in enumerate(layers):
        kind, bottom, top, *settings = text.split(" ", 3)
        texts.append(f'layer {{ name: "{number}" type: "{kind}" bottom: "{bottom}" top: "{top}" {"".join(settings)} }}')
    net = Net(text_format.Parse("".join(texts), NetParameter()), TRAIN)
    return [net.layers[index].name for index in find_overwritten(net.graph)]


def test_layers_whose_gradient_is_that_of_their_forward_pass() -> None:
    assert (
        overwritten("ReLU x y", "Power y z", "Clip z w clip_param { min: 0 max: 1 }", "Sigmoid w v", "ReLU v u") == []
    )
    assert overwritten("ReLU x x", "Dropout x x", "ReLU x x relu_param { negative_slope: 0.1 }") == []
    assert overwritten("Sigmoid x x", "TanH x y", "ELU y z") == []
    assert overwritten("BatchNorm x x", "Scale x x", "ReLU x x") == []


def test_layers_that_find_other_numbers() -> None:
    assert overwritten("Clip x x clip_param { min: 0 max: 1 }", "ReLU x y relu_param { negative_slope: -1 }") == ["0"]
    assert overwritten("ReLU x x relu_param { negative_slope: -1 }") == ["0"]
    assert overwritten("ReLU x x", "Scale x x") == ["0"]
    assert overwritten("Sigmoid x y", "Dropout y y") == ["0"]
    assert overwritten("TanH x x", "Dropout x x", "Sigmoid x y") == ["0"]


def test_a_warning_for_what_caffe_spoils(caplog: pytest.LogCaptureFixture) -> None:
    assert overwritten("MVN x y", "MVN y y mvn_param { normalize_variance: false }") == []
    assert not caplog.text
    assert overwritten("MVN x x") == []
    assert 'layer "0" (MVN): in place' in caplog.text
