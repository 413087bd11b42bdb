"""The nets that a solver names, and their states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, SolverParameter
from training.errors import TrainingError
from training.solvers.solver_nets import make_test_nets, make_train_net

CPU = torch.device("cpu")
# A layer for each state that a solver may set.
NET = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } } ' + " ".join(
    f'layer {{ name: "{name}" type: "ReLU" bottom: "x" top: "{name}" include {{ {rule} }} }}'
    for name, rule in (
        ("train", "phase: TRAIN"),
        ("test", "phase: TEST"),
        ("deep", "min_level: 2"),
        ("stage", 'stage: "s"'),
    )
)


def solver(text: str) -> SolverParameter:
    return text_format.Parse(text, SolverParameter())


def names(net: object) -> list[str]:
    return [layer.name for layer in net.layers][1:]  # type: ignore[attr-defined]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path / "net.prototxt"


def test_one_file_for_both(path: Path) -> None:
    param = solver(f'net: "{path}" test_iter: 1 test_iter: 2 test_interval: 5')
    net = make_train_net(param, CPU, 0)
    assert (names(net), net.context.phase) == (["train"], TRAIN)
    tests = make_test_nets(param, CPU, 0)
    assert [(names(net), net.context.phase) for net in tests] == [(["test"], TEST)] * 2


@pytest.mark.parametrize("field", ["train_net", "net_param", "train_net_param"])
def test_each_field_gives_the_train_net(path: Path, field: str) -> None:
    value = f'"{path}"' if field == "train_net" else f"{{ {NET} }}"
    separator = ":" if field == "train_net" else ""
    assert names(make_train_net(solver(f"{field}{separator} {value}"), CPU, 0)) == ["train"]


def test_states(path: Path) -> None:
    param = solver(
        f'net: "{path}" train_state {{ level: 2 }} test_iter: 1 test_iter: 1 test_interval: 1 '
        'test_state { stage: "s" } test_state { level: 3 stage: "s" }'
    )
    assert names(make_train_net(param, CPU, 0)) == ["train", "deep"]
    assert [names(net) for net in make_test_nets(param, CPU, 0)] == [["test", "stage"], ["test", "deep", "stage"]]


def test_the_net_s_own_state_counts_too(path: Path) -> None:
    path.write_text('state { stage: "s" } ' + NET)
    assert names(make_train_net(solver(f'net: "{path}" train_state {{ level: 2 }}'), CPU, 0)) == [
        "train",
        "deep",
        "stage",
    ]


def test_nets_for_tests_alone_come_first(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.prototxt"
    other.write_text(NET.replace('name: "test"', 'name: "other"'))
    param = solver(f'net: "{path}" test_net: "{other}" test_iter: 1 test_iter: 1 test_interval: 1')
    assert [names(net) for net in make_test_nets(param, CPU, 0)] == [["other"], ["test"]]
    param = solver(f'train_net: "{path}" test_net: "{other}" test_iter: 1 test_interval: 1')
    assert [names(net) for net in make_test_nets(param, CPU, 0)] == [["other"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names 0 nets to train; expected exactly one of"),
        ('net: ""', 'the solver\'s net is "", but there is no such file'),
        ('train_net: "{path}" test_net: "" test_iter: 1 test_interval: 1', 'the solver\'s test_net is ""'),
        ('net: "{path}" train_net: "{path}"', "names 2 nets to train"),
        ('net: "{path}" test_iter: 1', "test_iter but no test_interval"),
        ('train_net: "{path}" test_iter: 1 test_interval: 1', "1 test_iter for 0 test nets"),
        ('train_net: "{path}" test_net: "{path}" test_interval: 1', "0 test_iter for 1 test nets"),
        ('net: "{path}" test_iter: 1 test_iter: 1 test_interval: 1 test_state {{ }}', "1 test_state for 2 test nets"),
    ],
)
def test_solvers_that_contradict_themselves(path: Path, text: str, message: str) -> None:
    param = solver(text.format(path=path))
    with pytest.raises(TrainingError, match=message):
        make_train_net(param, CPU, 0)
        make_test_nets(param, CPU, 0)
