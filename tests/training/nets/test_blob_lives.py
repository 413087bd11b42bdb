"""Blobs that are let go or overwritten: the results must be the same."""

from __future__ import annotations

import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, NetParameter
from training.nets.in_place import overwrites_unread_top
from training.nets.net import Net

HEAD = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }'
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
    convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1 } } }"""
RELU = 'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
BRANCH = 'layer { name: "branch" type: "TanH" bottom: "conv" top: "branch" }'
SUM = 'layer { name: "sum" type: "Reduction" bottom: "conv" top: "sum" loss_weight: 1 }'
BRANCH_SUM = 'layer { name: "sum2" type: "Reduction" bottom: "branch" top: "sum2" loss_weight: 2 }'


def net_of(*layers: str) -> Net:
    return Net(text_format.Parse(HEAD + " ".join(layers), NetParameter()), TRAIN, seed=3)


def overwritable(*layers: str) -> list[bool]:
    return [overwrites_unread_top(node) for node in net_of(*layers).graph.nodes]


def test_overwritten_is_only_what_nobody_else_reads() -> None:
    assert overwritable(CONV, RELU, SUM) == [False, False, True, False]
    tanh = 'layer { name: "tanh" type: "TanH" bottom: "conv" top: "conv" }'  # its backward pass reads its top
    assert overwritable(CONV, tanh, RELU, SUM)[3] is False


@pytest.mark.parametrize("layers", [(CONV, RELU, SUM), (CONV, RELU, BRANCH, SUM, BRANCH_SUM)])
def test_overwriting_changes_no_number(layers: tuple[str, ...]) -> None:
    feed = {"data": torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))}
    results = []
    for may in (True, False):
        net = net_of(*layers)
        if not may:
            for layer in net.layers:
                layer.may_overwrite = False
        loss = net.forward(feed)
        loss.backward()
        results.append([loss.detach(), net.blobs["conv"].detach(), *(p.values.grad for p in net.parameters)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert float(results[0][1].min()) == 0 and results[0][2].abs().sum() > 0


def test_last_uses() -> None:
    graph = net_of(CONV, RELU, BRANCH, SUM, BRANCH_SUM).graph
    assert graph.last_uses() == [[], ["data"], [], [], ["conv"], ["branch"]]
    assert graph.last_uses({"conv"}) == [[], ["data"], [], [], [], ["branch"]]


def test_keep() -> None:
    net = net_of(CONV, RELU, BRANCH, SUM, BRANCH_SUM)
    feed = {"data": torch.randn(2, 3, 6, 6)}
    whole = net.forward(feed)
    assert set(net.blobs) == {"data", "conv", "branch", "sum", "sum2"}
    assert torch.equal(net.forward(feed, keep={"branch"}), whole)
    assert set(net.blobs) == {"branch", "sum", "sum2"}
