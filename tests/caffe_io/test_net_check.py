from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, Phase
from caffe_io.errors import NetError
from caffe_io.graph import NetGraph
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from kits.nets import wired_graph, wired_net


def error_of(*layers: str) -> str:
    with pytest.raises(NetError) as caught:
        check_net(wired_graph(*layers), "n.prototxt")
    return str(caught.value)


@pytest.mark.parametrize(
    "layers",
    [
        ["in: > a"],
        ["in: > a b", "x: a b > c"],
        ["in: > a", "x: a > b", "y: a > c"],
        ["in: > a", "relu: a > a", "x: a > b", "y: a > c"],
        ["in: > a", "relu: a > a", "drop: a > a", "x: a > b"],
        ["in: > a b", "x: a b > a b"],
        ["in: > a b", "x: a b > a c"],
        ["in: > a", "loss: a > l*1", "x: l > m"],
        ["in: > a", "relu: a > a*1", "x: a > b"],
        ["in: > a", "relu: a > a*0"],
        ["in: > a", "x: a > ", "y: > b"],
    ],
)
def test_nets_that_fit(layers: list[str]) -> None:
    check_net(wired_graph(*layers), "n")


def test_an_unknown_bottom_with_the_nearest_name() -> None:
    message = error_of("in: > data label", "c: data > conv1", "r: conv > relu1")
    assert message.startswith('n.prototxt: layer "r" (Python) reads "conv", which no earlier layer produces. ')
    assert 'Did you mean "conv1"? Earlier tops: data, label, conv1. ' in message


def test_an_unknown_bottom_of_the_first_layer() -> None:
    assert "Earlier tops: none." in error_of("c: data > conv1")


def test_only_the_last_tops_are_listed() -> None:
    message = error_of(*[f"in{i}: > top{i}" for i in range(40)], "x: zzz > b")
    assert "Earlier tops: ..., top28, top29" in message
    assert "Did you mean" not in message


def test_a_bottom_that_the_phase_leaves_out() -> None:
    net = wired_net("data: > x", "fc: x > y")
    net.layer[0].include.add(phase=TRAIN)
    with pytest.raises(NetError) as caught:
        check_net(NetGraph(filter_net(net, TEST)), "n.prototxt", net)
    assert str(caught.value) == (
        'n.prototxt (phase TEST): layer "fc" (Python) reads "x", which layer "data" (Python) produces, but its include '
        "and exclude rules leave that layer out here. Run the net in another phase, stage or level, or correct the rules."
    )


@pytest.mark.parametrize(
    ("phase", "way"),
    [
        (TEST, 'reaches the TRAIN net alone: write test_state { stage: "s0" } into the solver.'),
        (TRAIN, 'A solver gives it with train_state { stage: "s0" }.'),
    ],
)
def test_a_bottom_that_the_stage_leaves_out(phase: Phase.ValueType, way: str) -> None:
    net = wired_net("data: > x", "fc: x > y")
    net.layer[0].include.add(phase=phase, stage=["s0"])
    with pytest.raises(NetError) as caught:
        check_net(NetGraph(filter_net(net, phase)), "n.prototxt", net)
    assert 'They ask for stage: "s0", which --stage of most commands gives.' in str(caught.value)
    assert str(caught.value).endswith(way)
    check_net(NetGraph(filter_net(net, phase, stages=["s0"])), "n.prototxt", net)


def test_the_line_of_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "n.prototxt"
    path.write_text(
        'layer { name: "in" type: "Input" top: "x" }\n\nlayer { name: "fc" type: "ReLU" bottom: "z" top: "y" }'
    )
    with pytest.raises(NetError) as caught:
        check_net(NetGraph(read_net(path)), str(path))
    assert str(caught.value).startswith(f'{path}:3: layer "fc" (ReLU) reads "z", which no earlier layer')


def test_a_bottom_that_is_produced_later() -> None:
    message = error_of("in: > a", "x: b > c", "y: a > b")
    assert (
        'layer "x" (Python) reads "b", which layer "y" (Python) produces, but only later. Move that layer up.'
        in message
    )


def test_a_layer_that_reads_its_own_top() -> None:
    assert 'reads "b", which only it produces' in error_of("in: > a", "x: b > b")


@pytest.mark.parametrize("second", ["y: b > a", "y: > a", "y: b a > a", "y: b > c a"])
def test_a_top_that_is_produced_twice(second: str) -> None:
    message = error_of("in: > a b", second)
    assert 'layer "y" (Python) produces "a", which layer "in" (Python) already produces' in message


def test_a_top_named_twice_by_one_layer() -> None:
    assert 'produces "a", which layer "in" (Python) already produces' in error_of("in: > a a")


@pytest.mark.parametrize("layers", [["x: a > c", "relu: a > a"], ["relu: a > a", "x: a > c", "relu2: a > a"]])
def test_in_place_on_a_blob_that_others_use(layers: list[str]) -> None:
    message = error_of("in: > a", *layers)
    assert 'works in place on "a", which layer "x" (Python) also uses' in message


def test_in_place_on_a_blob_with_a_loss_weight() -> None:
    message = error_of("in: > a", "x: a > l*1", "relu: l > l")
    assert 'works in place on "l", which the loss_weight of layer "x" (Python) also uses' in message


def test_wrong_counts() -> None:
    net = wired_net("in: > a b", "x: a b > c")
    net.layer[1].propagate_down.append(True)
    with pytest.raises(
        NetError, match=r'layer "x" \(Python\) has 1 propagate_down, but 2 bottoms\. Give one for each bottom\.'
    ):
        check_net(NetGraph(net), "n")
    net.layer[1].propagate_down.append(False)
    check_net(NetGraph(net), "n")
    net.layer[1].loss_weight.extend([1, 1])
    with pytest.raises(NetError, match=r"has 2 loss_weight, but 1 top\."):
        check_net(NetGraph(net), "n")
    loss = wired_net("in: > a", "loss: a >")
    loss.layer[1].loss_weight.append(2)
    with pytest.raises(NetError, match=r"has 1 loss_weight, but 0 tops\."):
        check_net(NetGraph(loss), "n")
    loss.layer[1].type = "EuclideanLoss"
    # Caffe adds a top to a loss without one.
    check_net(NetGraph(loss), "n")
    loss.layer[1].top.extend(["l", "p"])
    del loss.layer[1].loss_weight[:]
    with pytest.raises(NetError, match=r"has 0 loss_weight, but 2 tops\."):
        check_net(NetGraph(loss), "n")


def test_a_net_without_layers_and_the_phase() -> None:
    with pytest.raises(NetError, match=r"n\.prototxt \(phase TEST\): has no layers"):
        check_net(NetGraph(filter_net(NetParameter(), TEST)), "n.prototxt")
