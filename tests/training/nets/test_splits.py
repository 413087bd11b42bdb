"""Caffe's Split layers. tests/oracle/test_pycaffe.py compares their names with Caffe's."""

from __future__ import annotations

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.prototxt import parse_text
from training.nets.splits import insert_splits

NET = """
layer { name: "d" type: "Input" top: "x" top: "one" }
layer { name: "a" type: "ReLU" bottom: "x" top: "a" }
layer { name: "b" type: "ReLU" bottom: "x" top: "b" loss_weight: 2 }
layer { name: "b2" type: "TanH" bottom: "b" top: "b" }
layer { name: "c" type: "Eltwise" bottom: "a" bottom: "b" top: "c" }
"""


def lines(net: NetParameter) -> list[str]:
    return [f"{' '.join(layer.bottom)} > {layer.name} > {' '.join(layer.top)}" for layer in net.layer]


def test_each_blob_has_one_consumer() -> None:
    net = parse_text(NET, NetParameter(), "n")
    before = lines(net)
    split = insert_splits(net)
    assert lines(split) == [
        " > d > x one",
        "x > x_d_0_split > x_d_0_split_0 x_d_0_split_1",
        "x_d_0_split_0 > a > a",
        "x_d_0_split_1 > b > b",
        "b > b_b_0_split > b_b_0_split_0 b_b_0_split_1",
        "b_b_0_split_1 > b2 > b",
        "a b > c > c",
    ]
    assert lines(net) == before


def test_a_loss_weight_goes_to_the_first_copy() -> None:
    split = insert_splits(parse_text(NET, NetParameter(), "n"))
    assert list(split.layer[3].loss_weight) == []
    assert list(split.layer[4].loss_weight) == [2, 0]


def test_a_net_without_branches_stays_as_it_is() -> None:
    net = parse_text('layer { name: "d" type: "Input" top: "x" } layer { name: "a" type: "ReLU" bottom: "x" top: "x" }',
                     NetParameter(), "n")  # fmt: skip
    assert insert_splits(net) == net
