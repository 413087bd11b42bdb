from __future__ import annotations

import pytest
import torch

from kits.training_layers import build_net
from training.nets.in_place import find_overwritten, overwrites_unread_top

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'


def overwritten(*layers: str) -> list[str]:
    """The layers, each written "Type bottom top settings", whose gradient is Caffe's own."""
    texts = [INPUT]
    for number, text in enumerate(layers):
        kind, bottom, top, *settings = text.split(" ", 3)
        texts.append(f'layer {{ name: "{number}" type: "{kind}" bottom: "{bottom}" top: "{top}" {"".join(settings)} }}')
    net = build_net(*texts)
    return [net.layers[index].name for index in find_overwritten(net.graph)]


def test_layers_whose_gradient_is_that_of_their_forward_pass() -> None:
    assert (
        overwritten("ReLU x y", "Power y z", "Clip z w clip_param { min: 0 max: 1 }", "Sigmoid w v", "ReLU v u") == []
    )
    assert overwritten("ReLU x x", "Dropout x x", "ReLU x x relu_param { negative_slope: 0.1 }") == []
    assert overwritten("Sigmoid x x", "TanH x y", "ELU y z") == []
    assert overwritten("BatchNorm x x", "Scale x x", "ReLU x x") == []


def test_layers_that_read_overwritten_values() -> None:
    assert overwritten("Clip x x clip_param { min: 0 max: 1 }", "ReLU x y relu_param { negative_slope: -1 }") == ["0"]
    assert overwritten("ReLU x x relu_param { negative_slope: -1 }") == ["0"]
    assert overwritten("ReLU x x", "Scale x x") == ["0"]
    assert overwritten("Sigmoid x y", "Dropout y y") == ["0"]
    assert overwritten("TanH x x", "Dropout x x", "Sigmoid x y") == ["0"]


def test_a_warning_where_caffe_spoils_the_result(caplog: pytest.LogCaptureFixture) -> None:
    plain = "mvn_param { normalize_variance: false }"
    assert overwritten(f"MVN x y {plain}", f"MVN y y {plain}") == []
    assert not caplog.text
    assert overwritten("MVN x x") == []
    assert 'layer "0" (MVN): in place' in caplog.text


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["MVN x y", "Scale y y"], 'layer "0" (MVN): in Caffe, its backward pass reads "y" after "1" (Scale) in place'),
        (["Swish x x", "Flatten x y", "TanH y y"], '(Swish): in Caffe, its backward pass reads "x" after "2" (TanH)'),
        (["TanH x x loss_weight: 2"], 'its top "x" has a loss_weight, and "0" (TanH) in place uses its memory'),
        (["TanH x x", "Flatten x y loss_weight: 2"], 'its top "y" has a loss_weight, and "0" (TanH) in place'),
        (["Power x z loss_weight: 2", "Flatten z y", "TanH y y"], 'its top "z" has a loss_weight, and "2" (TanH)'),
    ],
)
def test_a_warning_where_caffe_computes_something_else(
    layers: list[str], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    overwritten(*layers)
    assert message in caplog.text
    assert "name of its own, and both compute the same." in caplog.text


def test_no_warning_for_usual_nets(caplog: pytest.LogCaptureFixture) -> None:
    """A loss that another layer reads keeps its own memory, and the first top of Pooling may be overwritten."""
    pool = "Pooling z y pooling_param { kernel_size: 1 }"
    overwritten(
        "Reshape x z reshape_param { shape { dim: 0 dim: 3 dim: 1 dim: 1 } }",
        pool,
        "ReLU y y",
        "Reduction y l loss_weight: 2",
    )
    assert not caplog.text


def test_layers_before_a_blob_that_shares_memory() -> None:
    assert overwritten("Sigmoid x y", "Flatten y z", "TanH z z") == ["0"]
    assert overwritten("ReLU x y", "AbsVal y w", "Flatten x z", "TanH z z") == ["0"]
    assert overwritten("Sigmoid x x", "Flatten x z", "Power z w") == []


HEAD = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }'
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
    convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1 } } }"""
RELU = 'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
BRANCH = 'layer { name: "branch" type: "TanH" bottom: "conv" top: "branch" }'
SUM = 'layer { name: "sum" type: "Reduction" bottom: "conv" top: "sum" loss_weight: 1 }'
BRANCH_SUM = 'layer { name: "sum2" type: "Reduction" bottom: "branch" top: "sum2" loss_weight: 2 }'


def overwritable(*layers: str) -> list[bool]:
    return [overwrites_unread_top(node) for node in build_net(HEAD, *layers, seed=3).graph.nodes]


def test_only_tops_that_nothing_else_reads_are_overwritten() -> None:
    assert overwritable(CONV, RELU, SUM) == [False, False, True, False]
    # Its backward pass reads its top.
    tanh = 'layer { name: "tanh" type: "TanH" bottom: "conv" top: "conv" }'
    assert overwritable(CONV, tanh, RELU, SUM)[3] is False


@pytest.mark.parametrize("layers", [(CONV, RELU, SUM), (CONV, RELU, BRANCH, SUM, BRANCH_SUM)])
def test_overwriting_changes_no_result(layers: tuple[str, ...]) -> None:
    feed = {"data": torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))}
    results = []
    for may in (True, False):
        net = build_net(HEAD, *layers, seed=3)
        if not may:
            for layer in net.layers:
                layer.may_overwrite = False
        loss = net.forward(feed)
        loss.backward()
        results.append([loss.detach(), net.blobs["conv"].detach(), *(p.values.grad for p in net.parameters)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert float(results[0][1].min()) == 0 and results[0][2].abs().sum() > 0
