from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.prototxt import read_net
from caffe_io.text.layer_place import place_of

TEXT = """name: "n"  # layer { name: "comment" type: "ReLU" }
input: "x"
layer {
  type: "Convolution" param { name: "w" }
  convolution_param { weight_filler { type: "xavier" } }
  name: "conv" bottom: "x" top: "y"
}
layers: {
  name: 'old'
  type: INNER_PRODUCT
}
layer { name: "data" type: "Input" include { phase: TRAIN } } layer { name: "data" type: "Data" }
layer { name: "twice" type: "ReLU" }
layer { name: "twice" type: "ReLU" }
layer {
  name: "open" type: "ReLU"
"""


@pytest.mark.parametrize(
    ("name", "kind", "place"),
    [
        ("conv", "Convolution", ":3"),
        ("old", "InnerProduct", ":8"),
        ("data", "Data", ":12"),
        ("data", "Input", ":12"),
        ("twice", "ReLU", ":13"),
        ("comment", "ReLU", ""),
        ("w", "Convolution", ""),
        ("open", "ReLU", ""),
        ("nobody", "ReLU", ""),
    ],
)
def test_a_layer_is_found_by_its_name_and_type(tmp_path: Path, name: str, kind: str, place: str) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(TEXT)
    assert place_of(path, LayerParameter(name=name, type=kind)) == f"{path}{place}"


def test_a_name_without_a_file_stays_as_it_is(tmp_path: Path) -> None:
    assert place_of("net_param", LayerParameter(name="conv")) == "net_param"
    assert place_of(tmp_path, LayerParameter(name="conv")) == str(tmp_path)


def test_the_phase_distinguishes_layers_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "d" type: "Data" include { phase: TRAIN } }\n'
        'layer { name: "d" type: "Data"\n include { phase: TEST } }'
    )
    net = read_net(path)
    assert [place_of(path, layer) for layer in net.layer] == [f"{path}:1", f"{path}:2"]


def test_a_layer_of_a_net_in_a_solver(tmp_path: Path) -> None:
    path = tmp_path / "solver.prototxt"
    path.write_text(
        'base_lr: 1\nnet_param {\n name: "n"\n layer { name: "a" type: "ReLU" }\n layer {\n name: "b" type: "TanH" } }\n'
    )
    assert place_of(path, LayerParameter(name="a", type="ReLU")) == f"{path}:4"
    assert place_of(path, LayerParameter(name="b", type="TanH")) == f"{path}:5"
