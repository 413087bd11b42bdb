"""Channels whose weights are zero go, and no answer changes: one net for each way in which channels travel.

All other weights are random, so a column or a channel that is taken for another one changes the answers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from kits.commands import Done
from kits.compress import answers, random_weights, write_net
from kits.compress_nets import NETS, PrunedNet
from kits.training_commands import command


def compress(folder: Path, *words: object) -> Done:
    return command("compress", "--net", "Small", "--weights", "Small.caffemodel", *words, folder=folder)


def layers(folder: Path) -> dict[str, LayerParameter]:
    return {layer.name: layer for layer in read_net(folder / "prototxt/Small-small/deploy.prototxt").layer}


def without_channels(net: PrunedNet, folder: Path) -> dict[str, list[Array]]:
    """Random weights of the net, of which the channels that are to go are zero, with bias, gamma and beta."""
    place = folder / "prototxt/Small"
    place.mkdir(parents=True, exist_ok=True)
    (place / "deploy.prototxt").write_text(net.deploy)
    weights = random_weights(place / "deploy.prototxt")
    for name, (axis, numbers) in net.zeros.items():
        np.moveaxis(weights[name][0], axis, 0)[numbers] = 0
        if len(weights[name]) > 1:
            weights[name][1][numbers] = 0
    return weights


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_channels_of_zeros_change_no_answer(tmp_path: Path, net: PrunedNet) -> None:
    weights = without_channels(net, tmp_path)
    write_net(tmp_path, net.deploy, weights)
    done = compress(tmp_path, "--channels", net.channels)
    assert done.code == 0, done.err
    out = tmp_path / "prototxt/Small-small"
    before = answers(tmp_path / "prototxt/Small", tmp_path / "Small.caffemodel")
    after = answers(out, out / "Small-small.caffemodel")
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert values.std() > 1e-3 * np.abs(values).max()
        assert np.abs(after[name] - values).max() <= 2e-6 * np.abs(values).max()
    shapes = {name: blobs[0].shape for name, blobs in read_weights(out / "Small-small.caffemodel").items()}
    for name, shape in net.shapes.items():
        assert shapes[name] == shape, name


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_the_comparison_can_fail(tmp_path: Path, net: PrunedNet) -> None:
    """The same net without zeros gives another answer after pruning."""
    write_net(tmp_path, net.deploy)
    assert compress(tmp_path, "--channels", net.channels).code == 0
    out = tmp_path / "prototxt/Small-small"
    before = answers(tmp_path / "prototxt/Small", tmp_path / "Small.caffemodel")
    after = answers(out, out / "Small-small.caffemodel")
    assert any(np.abs(after[name] - values).max() > 1e-3 * np.abs(values).max() for name, values in before.items())


CHAIN = NETS[0].deploy


@pytest.mark.parametrize(("norm", "stays"), [("L1", [0, 1]), ("L2", [0, 2])])
def test_the_smallest_filters_go(tmp_path: Path, norm: str, stays: list[int]) -> None:
    """A filter with many small numbers has a larger L1 norm than one with a single large one, whose L2 norm is larger."""
    place = tmp_path / "prototxt/Small"
    write_net(tmp_path, CHAIN)
    weights = random_weights(place / "deploy.prototxt")
    filters = weights["conv1"][0]
    filters[:] = 1e-3
    filters[0] = 9
    filters[1] = 0.1
    filters[2, 0, 0, 0] = 1
    write_net(tmp_path, CHAIN, weights)
    done = compress(tmp_path, "--channels", "conv1=2", "--norm", norm)
    assert done.code == 0, done.err
    written = read_weights(tmp_path / "prototxt/Small-small/Small-small.caffemodel")
    assert np.array_equal(written["conv1"][0], filters[stays])
    assert np.array_equal(written["conv2"][0], weights["conv2"][0][:, stays])


def test_gamma_decides_where_batch_norm_follows(tmp_path: Path) -> None:
    (net,) = [net for net in NETS if net.name == "residual"]
    write_net(tmp_path, net.deploy)
    weights = random_weights(tmp_path / "prototxt/Small/deploy.prototxt")
    weights["conv3"][0][:] = np.arange(1, 7)[:, None, None, None]
    weights["scale3"][0][:] = [5, -4, 3, -2, 1, 0]
    write_net(tmp_path, net.deploy, weights)
    assert compress(tmp_path, "--channels", "conv3=2").code == 0
    written = read_weights(tmp_path / "prototxt/Small-small/Small-small.caffemodel")
    assert list(written["scale3"][0]) == [5, -4]
    assert list(written["conv3"][0][:, 0, 0, 0]) == [1, 2]


def test_percentages_and_patterns(tmp_path: Path) -> None:
    """What a pattern means and the net does not allow is left alone, with the reason."""
    write_net(tmp_path, CHAIN)
    done = compress(tmp_path, "--channels", "conv*=50%,fc*=25%")
    assert done.code == 0, done.err
    assert [layers(tmp_path)[name].convolution_param.num_output for name in ("conv1", "conv2")] == [3, 4]
    assert layers(tmp_path)["fc1"].inner_product_param.num_output == 2
    assert 'fc2 keeps all channels: layer "prob" is of type Softmax, which has to see all channels.' in done.out


@pytest.mark.parametrize(
    ("change", "channels", "message"),
    [
        (("", ""), "conv1=7", "the layer has 6 channels"),
        (("", ""), "fc2=2", 'cannot be pruned: layer "prob" is of type Softmax'),
        (("", ""), "pool=2", "no layer with weights"),
        (('"ReLU" bottom: "conv1" top: "conv1"', '"LRN" bottom: "conv1" top: "n"'), "conv1=3", "(LRN across channels)"),
        (("num_output: 8", "num_output: 8 group: 2"), "conv1=3", 'layer "conv2" has 2 groups of several channels'),
        (("num_output: 8", "num_output: 8 group: 2"), "conv2=3", 'layer "conv2" has 2 groups of several channels'),
        (('name: "conv2"', 'name: "conv2" param { name: "w" }'), "conv2=3", ""),
        (('name: "prob" type: "Softmax" bottom: "fc2"', 'name: "prob" type: "Softmax" bottom: "fc1"'), "fc1=3", "Softmax"),
        (('layer { name: "prob"', 'layer { name: "r" type: "Reshape" bottom: "pool" top: "r" reshape_param '
          '{ shape { dim: 0 dim: -1 } } }\nlayer { name: "prob"'), "conv2=3", "type Reshape"),
        (('layer { name: "prob"', 'layer { name: "m" type: "MVN" bottom: "pool" top: "m" mvn_param '
          '{ across_channels: true } }\nlayer { name: "prob"'), "conv2=3", "normalises across channels"),
        (('layer { name: "prob"', 'layer { name: "c" type: "Concat" bottom: "pool" bottom: "pool" top: "c" concat_param '
          '{ axis: 2 } }\nlayer { name: "prob"'), "conv2=3", "along another axis"),
        (('layer { name: "prob"', 'layer { name: "e" type: "Power" bottom: "pool" top: "e" }\nlayer { name: "prob"'),
         "conv2=3", '"e" is an output of the net'),
    ],
)  # fmt: skip
def test_what_cannot_go_is_refused(tmp_path: Path, change: tuple[str, str], channels: str, message: str) -> None:
    deploy = CHAIN.replace(*change) if change[0] else CHAIN
    assert change[0] in CHAIN
    write_net(tmp_path, deploy)
    done = compress(tmp_path, "--channels", channels)
    if not message:
        # A weight with a name that no other layer has is its own.
        assert done.code == 0
        return
    assert done.code == 1
    assert message in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "prototxt/Small-small").exists()


def test_tied_layers_ask_for_the_same(tmp_path: Path) -> None:
    (net,) = [net for net in NETS if net.name == "residual"]
    write_net(tmp_path, net.deploy)
    assert compress(tmp_path, "--channels", "conv1=4,conv3=4").code == 0
    done = compress(tmp_path, "--channels", "conv1=3,conv3=4", "--force")
    assert done.code == 1 and "conv3=4: only 3 stay, because the net ties them to conv1" in done.err
    (net,) = [net for net in NETS if net.name == "maxout"]
    write_net(tmp_path, net.deploy)
    done = compress(tmp_path, "--channels", "conv1=5", "--force")
    assert done.code == 1 and "the net ties each 2 channels; expected a multiple of it" in done.err


def test_a_slice_keeps_some_of_each_part(tmp_path: Path) -> None:
    (net,) = [net for net in NETS if net.name == "slice"]
    weights = without_channels(net, tmp_path)
    weights["conv1"][0][:2] = 0
    write_net(tmp_path, net.deploy, weights)
    done = compress(tmp_path, "--channels", "conv1=2")
    assert done.code == 1 and "one of its tops would have no channels left" in done.err


def test_both_together(tmp_path: Path) -> None:
    write_net(tmp_path, CHAIN)
    done = compress(tmp_path, "--channels", "fc1=6", "--rank", "fc1=2")
    assert done.code == 0, done.err
    assert "6 of 10 channels, rank 2 of 6, energy" in done.out
    names = layers(tmp_path)
    assert (names["fc1_a"].inner_product_param.num_output, names["fc1_b"].inner_product_param.num_output) == (2, 6)


def test_training_and_deploy_net_must_agree(tmp_path: Path) -> None:
    """A layer that training feeds otherwise stays as it is."""
    write_net(tmp_path, CHAIN)
    other = CHAIN.replace('bottom: "pool" top: "fc1"', 'bottom: "data" top: "fc1"')
    assert other != CHAIN
    other += 'layer { name: "silence" type: "Silence" bottom: "pool" }'
    (tmp_path / "prototxt/Small/train_test.prototxt").write_text(other)
    done = compress(tmp_path, "--channels", "conv2=4")
    assert done.code == 1 and 'layer "fc1" reads something else in another prototxt or phase' in done.err
    done = compress(tmp_path, "--channels", "conv1=4")
    assert done.code == 0, done.err
