from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter
from caffe_io.errors import NetError
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net


def net_of(*layers: str) -> NetParameter:
    """Layers written "name: bottom bottom > top top"; a loss weight as "top*0.5"."""
    net = NetParameter()
    for text in layers:
        name, wires = text.split(":")
        bottoms, tops = wires.split(">")
        layer = net.layer.add(name=name, type="Python", bottom=bottoms.split())
        for top in tops.split():
            blob, _, weight = top.partition("*")
            layer.top.append(blob)
            if weight:
                layer.loss_weight.append(float(weight))
    return net


def error_of(*layers: str) -> str:
    with pytest.raises(NetError) as caught:
        check_net(net_of(*layers), "n.prototxt")
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
    check_net(net_of(*layers), "n")


def test_an_unknown_bottom_with_the_nearest_name() -> None:
    message = error_of("in: > data label", "c: data > conv1", "r: conv > relu1")
    assert message.startswith('n.prototxt: layer "r" (Python): bottom "conv" is made by no layer before it')
    assert '(tops there are: data, label, conv1, nearest "conv1")' in message


def test_an_unknown_bottom_of_the_first_layer() -> None:
    assert "(tops there are: none)" in error_of("c: data > conv1")


def test_only_the_last_tops_are_listed() -> None:
    message = error_of(*[f"in{i}: > top{i}" for i in range(40)], "x: zzz > b")
    assert "(tops there are: ..., top28, top29" in message
    assert "nearest" not in message


def test_a_bottom_that_the_phase_leaves_out() -> None:
    net = net_of("data: > x", "fc: x > y")
    net.layer[0].include.add(phase=TRAIN)
    with pytest.raises(NetError) as caught:
        check_net(filter_net(net, TEST), "n.prototxt", net)
    assert str(caught.value) == (
        'n.prototxt (phase TEST): layer "fc" (Python): bottom "x" is made by layer "data" (Python), which its include and '
        "exclude rules leave out here. Run the net in another phase (or stage), or correct the rules."
    )


def test_the_line_of_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "n.prototxt"
    path.write_text(
        'layer { name: "in" type: "Input" top: "x" }\n\nlayer { name: "fc" type: "ReLU" bottom: "z" top: "y" }'
    )
    with pytest.raises(NetError) as caught:
        check_net(read_net(path), str(path))
    assert str(caught.value).startswith(f'{path}:3: layer "fc" (ReLU): bottom "z" is made by no layer')


def test_a_bottom_that_is_made_later() -> None:
    message = error_of("in: > a", "x: b > c", "y: a > b")
    assert (
        'layer "x" (Python): bottom "b" is only made further down, by layer "y" (Python). Move that layer up.'
        in message
    )


def test_a_layer_that_would_read_what_it_makes() -> None:
    assert 'bottom "b" is its own top' in error_of("in: > a", "x: b > b")


@pytest.mark.parametrize("second", ["y: b > a", "y: > a", "y: b a > a", "y: b > c a"])
def test_a_top_that_is_made_twice(second: str) -> None:
    message = error_of("in: > a b", second)
    assert 'layer "y" (Python): top "a" is already made by layer "in" (Python)' in message


def test_a_top_named_twice_by_one_layer() -> None:
    assert 'top "a" is already made by layer "in" (Python)' in error_of("in: > a a")


@pytest.mark.parametrize("layers", [["x: a > c", "relu: a > a"], ["relu: a > a", "x: a > c", "relu2: a > a"]])
def test_in_place_of_a_blob_that_others_use(layers: list[str]) -> None:
    message = error_of("in: > a", *layers)
    assert 'works in place on "a", which layer "x" (Python) uses as well' in message


def test_in_place_of_a_blob_with_a_loss() -> None:
    message = error_of("in: > a", "x: a > l*1", "relu: l > l")
    assert 'works in place on "l", which the loss_weight of layer "x" (Python) uses as well' in message


def test_counts_that_do_not_fit() -> None:
    net = net_of("in: > a b", "x: a b > c")
    net.layer[1].propagate_down.append(True)
    with pytest.raises(NetError, match=r'layer "x" \(Python\): has propagate_down 1 times, and 2 bottom\(s\)'):
        check_net(net, "n")
    net.layer[1].propagate_down.append(False)
    check_net(net, "n")
    net.layer[1].loss_weight.extend([1, 1])
    with pytest.raises(NetError, match=r"has loss_weight 2 times, and 1 top\(s\)"):
        check_net(net, "n")
    loss = net_of("in: > a", "loss: a >")
    loss.layer[1].loss_weight.append(2)
    with pytest.raises(NetError, match=r"has loss_weight 1 times, and 0 top\(s\)"):
        check_net(loss, "n")
    loss.layer[1].type = "EuclideanLoss"
    check_net(loss, "n")  # a loss makes a top of its own
    loss.layer[1].top.extend(["l", "p"])
    del loss.layer[1].loss_weight[:]
    with pytest.raises(NetError, match=r"has loss_weight 0 times, and 2 top\(s\)"):
        check_net(loss, "n")


def test_a_net_without_layers_and_the_phase() -> None:
    with pytest.raises(NetError, match=r"n\.prototxt \(phase TEST\): has no layers"):
        check_net(filter_net(NetParameter(), TEST), "n.prototxt")
