"""Which layers need a backward pass, and for which bottoms."""

from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN
from kits.nets import BRANCHED_NET, wired_graph
from kits.training_layers import build_net
from training.nets.backward_need import backward_needs


def needs_of(text: str, phase: int = TRAIN) -> dict[str, tuple[bool, list[bool]]]:
    net = build_net(text, phase=phase)
    return {layer.name: (need.layer, need.bottoms) for layer, need in zip(net.layers, net.needs, strict=True)}


def test_needs_of_a_net_with_a_loss() -> None:
    needs = needs_of(BRANCHED_NET)
    assert needs["conv"] == (True, [False])
    assert needs["sum"] == (True, [True, True])
    assert needs["loss"] == (True, [True, False])
    assert needs["in"] == (False, [])


def test_needs_without_a_loss_and_by_force() -> None:
    deploy = BRANCHED_NET[: BRANCHED_NET.index('layer { name: "loss"')]
    assert not any(need for need, _ in needs_of(deploy, TEST).values())
    forced = needs_of("force_backward: true" + deploy, TEST)
    assert all(need for need, _ in forced.values())
    assert forced["conv"][1] == [True]


def test_needs_with_propagate_down_and_fixed_weights() -> None:
    """A layer needs no backward pass if all its consumers say propagate_down: false; nor do the layers before it."""
    needs = needs_of(BRANCHED_NET.replace('bottom: "sum" top: "fc"', 'bottom: "sum" top: "fc" propagate_down: false'))
    assert needs["fc"] == (True, [False])
    assert [needs[name][0] for name in ("sum", "a", "b", "conv")] == [False] * 4
    one = needs_of(BRANCHED_NET.replace('bottom: "conv" top: "a"', 'bottom: "conv" top: "a" propagate_down: false'))
    assert (one["a"], one["b"], one["conv"][0]) == ((True, [False]), (True, [True]), True)


CHAIN = ["in: > x", "a: x > y", "b: y > z", "EuclideanLoss loss: z x > l"]


@pytest.mark.parametrize(
    ("learns", "layers"),
    [("a", "a b loss"), ("b", "b loss"), ("", ""), ("in", "in a b loss")],
)
def test_gradients_are_needed_from_the_first_layer_that_learns(learns: str, layers: str) -> None:
    graph = wired_graph(*CHAIN)
    learning = [node.layer.name in learns.split() for node in graph.nodes]
    needs = backward_needs(graph, learning, {"l": 1.0}, False)
    assert [node.layer.name for node, need in zip(graph.nodes, needs, strict=True) if need.layer] == layers.split()


def test_layers_that_lead_to_no_loss_need_nothing() -> None:
    graph = wired_graph(*CHAIN, "c: y > end")
    needs = backward_needs(graph, [True] * 5, {"l": 1.0}, False)
    assert [need.layer for need in needs] == [True, True, True, True, False]
    assert not any(need.layer for need in backward_needs(graph, [True] * 5, {}, False))


def test_force_backward_leaves_labels_alone() -> None:
    graph = wired_graph("in: > x y", "EuclideanLoss e: x y > e", "HingeLoss h: x y > h", "ContrastiveLoss c: x x y > c")
    needs = backward_needs(graph, [False] * 4, {}, True)
    assert [need.bottoms for need in needs] == [[], [True, True], [True, False], [True, True, False]]
