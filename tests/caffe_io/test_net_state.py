from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, NetState
from caffe_io.errors import NetError
from caffe_io.net_state import filter_net
from caffe_io.prototxt import parse_text


def is_in(rules: str, phase: int = TRAIN, level: int | None = 0, stages: tuple[str, ...] = ()) -> bool:
    net = parse_text(f'layer {{ name: "a" {rules} }}', NetParameter(), "n")
    return len(filter_net(net, phase, level, stages).layer) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "level", "stages", "meets"),
    [
        ("", 0, (), True),
        ("phase: TRAIN", 0, (), True),
        ("phase: TEST", 0, (), False),
        ("min_level: 2", 1, (), False),
        ("min_level: 2", 2, (), True),
        ("max_level: -1", 0, (), False),
        ("max_level: -1", -1, (), True),
        ("min_level: 1 max_level: 3", 2, (), True),
        ('stage: "x"', 0, (), False),
        ('stage: "x"', 0, ("x", "y"), True),
        ('stage: "x" stage: "y"', 0, ("x",), False),
        ('stage: "x" stage: "y"', 0, ("y", "x"), True),
        ('not_stage: "x"', 0, (), True),
        ('not_stage: "x" not_stage: "y"', 0, ("y",), False),
        ('phase: TRAIN stage: "x" not_stage: "y" max_level: 0', 0, ("x",), True),
    ],
)
def test_a_rule(rule: str, level: int, stages: tuple[str, ...], meets: bool) -> None:
    assert is_in(f"include {{ {rule} }}", TRAIN, level, stages) is meets
    assert is_in(f"exclude {{ {rule} }}", TRAIN, level, stages) is not meets


def test_any_of_several_rules_is_enough() -> None:
    for phase in (TRAIN, TEST):
        assert is_in("include { phase: TRAIN } include { phase: TEST }", phase)
        assert not is_in("exclude { phase: TRAIN } exclude { phase: TEST }", phase)
    assert is_in("")


def test_both_kinds_of_rules_are_refused() -> None:
    with pytest.raises(NetError, match='layer "a": has both include and exclude rules'):
        is_in("include { phase: TRAIN } exclude { phase: TEST }")


def test_order_and_other_fields_stay_and_the_state_is_written() -> None:
    net = parse_text(
        'name: "n" force_backward: true layer { name: "c" } layer { name: "b" include { phase: TEST } } layer { name: "a" }',
        NetParameter(),
        "n",
    )
    kept = filter_net(net, TRAIN, 2, ["x"])
    assert [layer.name for layer in kept.layer] == ["c", "a"]
    assert (kept.name, kept.force_backward) == ("n", True)
    assert kept.state == NetState(phase=TRAIN, level=2, stage=["x"])
    assert len(net.layer) == 3


def test_the_files_own_state() -> None:
    net = parse_text('state { phase: TEST level: 3 stage: "x" } layer { name: "a" }', NetParameter(), "n")
    assert filter_net(net, TRAIN, stages=["y", "x"]).state == NetState(phase=TRAIN, level=3, stage=["x", "y"])
    assert filter_net(net, TRAIN, level=0).state == NetState(phase=TRAIN, level=0, stage=["x"])
