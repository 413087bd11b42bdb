from __future__ import annotations

import pytest

from caffe_io.graph import NetGraph, Version
from kits.nets import wired_graph, wired_net


def ends(version: Version) -> tuple[str, list[str]]:
    """The producer and the consumers, as "name.index"."""
    assert version.producer is not None
    return (
        f"{version.producer.node.layer.name}.{version.producer.number}",
        [f"{port.node.layer.name}.{port.number}" for port in version.consumers],
    )


def test_producers_and_consumers() -> None:
    graph = wired_graph("in: > a b", "x: b a > c", "y: c c > d")
    assert [node.index for node in graph.nodes] == [0, 1, 2]
    assert [ends(version) for version in graph.versions()] == [
        ("in.0", ["x.1"]),
        ("in.1", ["x.0"]),
        ("x.0", ["y.0", "y.1"]),
        ("y.0", []),
    ]
    assert [version.name for version in graph.nodes[1].bottoms] == ["b", "a"]


def test_a_layer_in_place_makes_a_new_version() -> None:
    graph = wired_graph("in: > a", "relu: a > a", "drop: a > a", "x: a > b")
    first = graph.nodes[0].tops[0]
    assert ends(first) == ("in.0", ["relu.0"])
    assert first.previous is None
    assert graph.nodes[1].tops[0].previous is first
    assert graph.blobs["a"] is graph.nodes[2].tops[0]
    assert ends(graph.blobs["a"]) == ("drop.0", ["x.0"])
    assert [node.layer.name for node in first.overwriters()] == ["relu", "drop"]
    assert graph.blobs["a"].overwriters() == []
    assert [node.in_place for node in graph.nodes] == [False, True, True, False]


def test_blobs_that_share_memory() -> None:
    graph = wired_graph(
        "in: > a",
        "relu: a > a",
        "Flatten f: a > b",
        "Split s: b > c d",
        "drop: d > d",
        "Slice y: a > e g",
        "Concat z: c e > h",
    )
    memory = graph.blobs["a"].memory
    assert [name for name, version in graph.blobs.items() if version.memory is memory] == ["a", "b", "c", "d"]
    assert [node.layer.name for node in graph.nodes[0].tops[0].overwriters()] == ["relu", "drop"]
    assert [node.layer.name for node in graph.blobs["b"].overwriters()] == ["drop"]
    assert memory.spreads
    assert not graph.blobs["e"].memory.spreads
    assert [node.layer.name for node in graph.nodes if node.passes_on] == ["f", "s"]


def test_memory_that_spreads() -> None:
    """A layer in place before a Flatten writes its own blob alone."""
    assert not wired_graph("in: > a", "relu: a > a", "Flatten f: a > b").blobs["b"].memory.spreads
    assert wired_graph("Parameter in: > a", "relu: a > a").blobs["a"].memory.spreads
    assert not wired_graph("Data in: > a", "relu: a > a").blobs["a"].memory.spreads


def test_in_place_is_of_the_first_bottom_and_top() -> None:
    graph = wired_graph("in: > a b", "x: a b > c b", "y: > ", "z: c >")
    assert not any(node.in_place for node in graph.nodes)


def test_outputs() -> None:
    graph = wired_graph("in: > a b", "relu: a > a", "x: a > z", "y: a > c")
    assert [version.name for version in graph.outputs()] == ["b", "z", "c"]
    assert [version.name for version in wired_graph("in: > a", "relu: a > a").outputs()] == ["a"]


@pytest.mark.parametrize(
    ("layers", "split"),
    [
        (["in: > a", "x: a > b"], []),
        (["in: > a", "x: a > b", "y: a > c"], ["a"]),
        (["in: > a", "x: a a > b"], ["a"]),
        (["in: > a", "x: a > l*1"], []),
        (["in: > a", "x: a > l*1", "y: l > m"], ["l"]),
        (["in: > a", "x: a > l*0", "y: l > m"], []),
    ],
)
def test_splits(layers: list[str], split: list[str]) -> None:
    assert [version.name for version in wired_graph(*layers).versions() if version.is_split] == split


def test_names_of_splits_are_caffe_s() -> None:
    """As in Caffe's insert_splits.cpp: blob, layer, number of the top, number of the copy."""
    graph = wired_graph("in: > data label", "x: label > b", "y: label > c")
    label = graph.blobs["label"]
    assert [label.split_name(number) for number in range(2)] == ["label_in_1_split_0", "label_in_1_split_1"]


def test_last_uses() -> None:
    graph = wired_graph("in: > a", "conv: a > b", "relu: b > b", "x: b > c", "y: b > d", "z: c > e")
    assert graph.last_uses() == [[], ["a"], [], [], ["b"], ["c"]]
    assert graph.last_uses({"b"}) == [[], ["a"], [], [], [], ["c"]]


def test_a_loss_without_a_top_gets_one_that_no_layer_can_read() -> None:
    net = wired_net("in: > a", "EuclideanLoss l: a >", "EuclideanLoss m: a >", "x: (automatic) > b")
    for layer in net.layer[1:3]:
        layer.loss_weight.append(0.5)
    graph = NetGraph(net)
    tops = [node.tops[0] for node in graph.nodes[1:3]]
    assert [(top.name, top.loss_weight, top.consumers) for top in tops] == [
        ("(automatic)", 0.5, []),
        ("(automatic 2)", 0.5, []),
    ]
    assert not net.layer[1].top
    assert graph.nodes[3].bottoms[0].producer is None


def test_nets_that_caffe_refuses_have_a_graph_too() -> None:
    graph = wired_graph("x: b > b", "y: b > a a", "z: > a", "w: nobody nobody > v")
    assert graph.nodes[0].bottoms[0].producer is None
    assert ends(graph.nodes[0].tops[0]) == ("x.0", ["y.0"])
    first, second = graph.nodes[1].tops
    assert second.previous is first
    assert graph.nodes[2].tops[0].previous is second
    assert len(graph.nodes[3].bottoms[0].consumers) == 2
    assert wired_graph().nodes == []
