"""Which blobs count in the objective, by Caffe's rules; tests/oracle/test_net_wiring.py compares them with Caffe itself."""

from __future__ import annotations

import pytest
import torch

from kits.nets import wired_graph
from training.nets.backward_need import Need
from training.nets.objective import Objective

CPU = torch.device("cpu")


def test_a_loss_has_weight_1_unless_told_otherwise() -> None:
    graph = wired_graph(
        "in: > x y", "HingeLoss a: x y > a", "HingeLoss b: x y > b*0", "HingeLoss c: x y >", "d: x > d*3"
    )
    objective = Objective(graph)
    assert objective.weights == {"a": 1, "(automatic)": 1, "d": 3}
    assert objective.copies == objective.stored == {}
    assert objective.outputs() == ["(automatic)", "a", "b", "d"]
    assert (objective.gradient_weight("d"), objective.value_weight("d")) == (3, 3)
    assert (objective.gradient_weight("b"), objective.value_weight("x")) == (0, 0)


def test_a_split_takes_the_weight() -> None:
    """The other tops' weights are lost, and the copy of the split is an output."""
    objective = Objective(wired_graph("in: > x", "s: x > p*1 q*0 r*0.5", "t: p > t*2"))
    assert objective.weights == {"p": 1, "t": 2}
    assert objective.copies == {"p_s_0_split_0": "p"}
    assert objective.outputs() == ["p_s_0_split_0", "q", "r", "t"]
    assert not objective.stored, "no loss layer"


def test_a_loss_layer_with_a_split_counts_once_more_in_the_value() -> None:
    objective = Objective(wired_graph("in: > x y", "HingeLoss l: x y > l*0.5", "t: l > t"))
    assert objective.weights == {"l": 0.5}
    assert objective.stored == {"l": 1}
    assert (objective.gradient_weight("l"), objective.value_weight("l")) == (0.5, 1.5)


def test_a_consumer_s_gradient_overwrites_the_default_weight() -> None:
    objective = Objective(wired_graph("in: > x y", "HingeLoss l: x y > l", "t: l > t*2"))
    objective.find_overwritten([Need(False, []), Need(True, [True, False]), Need(True, [True])])
    assert objective.overwritten == {"l"}
    assert (objective.gradient_weight("l"), objective.value_weight("l")) == (0, 1)
    blobs = {"l": torch.tensor(3.0, requires_grad=True)}
    blobs["t"] = 5 * blobs["l"]
    value = objective.evaluate(blobs, CPU)
    assert value.item() == 1 * 3 + 2 * 15
    value.backward()  # type: ignore[no-untyped-call]
    assert blobs["l"].grad is not None
    assert blobs["l"].grad.item() == 10, "from the consumer alone"
    assert objective.stored == {"l": 10}
    assert objective.evaluate(blobs, CPU).item() == 10 * 3 + 2 * 15


@pytest.mark.parametrize(
    "needs", [[Need(True, [False])], [Need(False, [True])]], ids=["without a gradient", "without a backward pass"]
)
def test_a_consumer_without_a_gradient_overwrites_nothing(needs: list[Need]) -> None:
    objective = Objective(wired_graph("in: > x y", "HingeLoss l: x y > l", "t: l > t"))
    objective.find_overwritten([Need(False, []), Need(True, [True, False]), *needs])
    assert not objective.overwritten
    assert objective.value_weight("l") == 1
