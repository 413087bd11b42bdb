"""Low rank: numpy's best product of that rank, equal answers at full rank, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from common.places import net_files
from kits.compress import DEPLOY, answers, random_weights, write_net
from kits.training_commands import command
from training.compress.low_rank import Factors, split
from training.compress.model import read_model

TRANSPOSED = DEPLOY.replace("num_output: 16", "num_output: 16 transpose: true")
WITHOUT_BIAS = DEPLOY.replace("num_output: 16", "num_output: 16 bias_term: false")
SPLIT_AXIS = DEPLOY.replace("num_output: 16", "num_output: 16 axis: 2")


def compress(folder: Path, *words: object) -> Path:
    done = command("compress", "--net", "Small", "--weights", "Small.caffemodel", *words, folder=folder)
    assert done.code == 0, done.err
    return folder / "prototxt/Small-small"


def differences(folder: Path, out: Path) -> float:
    """The largest, as a share of the largest number of the old answer."""
    before = answers(folder / "prototxt/Small", folder / "Small.caffemodel")
    after = answers(out, out / "Small-small.caffemodel")
    assert before.keys() == after.keys()
    return max(float(np.abs(after[name] - before[name]).max() / np.abs(before[name]).max()) for name in before)


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (12, 12)])
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_the_error_is_that_of_eckart_and_young(shape: tuple[int, int], rank: int) -> None:
    """In the Frobenius norm it is the root of the sum of the squares of the singular values that are left out."""
    matrix = np.random.default_rng(rank).normal(size=shape)
    a, b = Factors("x", matrix).at(rank)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix @ matrix.T), 0))[::-1]
    expected = np.sqrt((values[rank:] ** 2).sum())
    assert (a.shape, b.shape) == ((rank, shape[1]), (shape[0], rank))
    assert np.linalg.norm(matrix - b @ a) == pytest.approx(expected, abs=1e-5)


def test_the_rank_for_an_energy_is_the_smallest() -> None:
    factors = Factors("x", np.diag([3.0, 2.0, 1.0, 0.0]))
    assert [factors.rank_for(share) for share in (0.1, 9 / 14, 0.65, 13 / 14, 0.93, 1.0)] == [1, 1, 2, 2, 3, 3]
    assert factors.energy(2) == pytest.approx(13 / 14)
    assert (factors.full_rank, factors.largest_useful) == (4, 1)
    zeros = Factors("x", np.zeros((3, 8)))
    assert (zeros.rank_for(0.9), zeros.energy(1)) == (1, 1.0)


@pytest.mark.parametrize("deploy", [DEPLOY, TRANSPOSED, WITHOUT_BIAS, SPLIT_AXIS])
def test_full_rank_changes_no_answer(tmp_path: Path, deploy: str) -> None:
    write_net(
        tmp_path, deploy.replace('bottom: "fc8" top: "prob"', 'bottom: "fc8" top: "prob" softmax_param { axis: -1 }')
    )
    out = compress(tmp_path, "--rank", "fc=16,conv1=8,fc8=3")
    assert differences(tmp_path, out) < 1e-5
    names = [layer.name for layer in read_net(out / "deploy.prototxt").layer]
    assert names[1:3] == ["conv1_a", "conv1_b"] and names[6:8] == ["fc_a", "fc_b"]


@pytest.mark.parametrize("deploy", [DEPLOY, TRANSPOSED])
def test_the_written_weights_are_the_best_of_their_rank(tmp_path: Path, deploy: str) -> None:
    write_net(tmp_path, deploy)
    weights = read_weights(compress(tmp_path, "--rank", "fc=3,conv1=2") / "Small-small.caffemodel")
    old = random_weights(tmp_path / "prototxt/Small/deploy.prototxt")
    for name, rank in (("fc", 3), ("conv1", 2)):
        (a,), (b, bias) = weights[f"{name}_a"], weights[f"{name}_b"]
        assert np.array_equal(bias, old[name][1])
        matrix = old[name][0].astype(np.float64)
        if name == "fc" and deploy == TRANSPOSED:
            matrix, a, b = matrix.T, a.T, b.T
        matrix = matrix.reshape(len(matrix), -1)
        product = b.reshape(len(b), -1).astype(np.float64) @ a.reshape(len(a), -1)
        left_out = np.linalg.svd(matrix, compute_uv=False)[rank:]
        assert np.linalg.norm(matrix - product) == pytest.approx(np.sqrt((left_out**2).sum()), rel=1e-5)
        assert differences(tmp_path, tmp_path / "prototxt/Small-small") > 1e-3


def test_rates_and_rules_are_carried_over(tmp_path: Path) -> None:
    plain = 'layer { name: "fc" type: "InnerProduct" bottom: "norm1" top: "fc" inner'
    assert plain in DEPLOY
    settings = 'param { lr_mult: 3 decay_mult: 1 } param { lr_mult: 5 decay_mult: 0 } exclude { stage: "x" } '
    write_net(tmp_path, DEPLOY.replace(plain, plain.replace("inner", settings + "propagate_down: true inner")))
    net = read_net(compress(tmp_path, "--rank", "fc=3") / "deploy.prototxt")
    first, second = (next(layer for layer in net.layer if layer.name == name) for name in ("fc_a", "fc_b"))
    assert [(spec.lr_mult, spec.decay_mult) for spec in first.param] == [(3, 1)]
    assert [(spec.lr_mult, spec.decay_mult) for spec in second.param] == [(3, 1), (5, 0)]
    assert first.exclude == second.exclude and list(first.exclude[0].stage) == ["x"]
    assert (list(first.propagate_down), list(second.propagate_down)) == ([True], [])
    assert (list(first.top), list(second.bottom), list(second.top)) == (["fc_a"], ["fc_a"], ["fc"])


@pytest.mark.parametrize(
    ("old", "new", "rank", "message"),
    [
        ("", "", "fc=17", "--rank fc=17: expected a rank from 1 to 16."),
        ("", "", "fc9=2", "Known: conv1, fc, fc8."),
        ("num_output: 8", "num_output: 9 group: 3", "conv1=2", "the layer has 3 groups"),
        ('top: "pool1"', 'top: "fc_a"', "fc=2", 'layer "pool1": has the name fc_a already'),
        ("", "", "pool1=2", "no layer with weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, old: str, new: str, rank: str, message: str) -> None:
    deploy = DEPLOY.replace(old, new) if old else DEPLOY
    if "fc_a" in new:
        deploy = deploy.replace('bottom: "pool1"', 'bottom: "fc_a"')
    write_net(tmp_path, deploy)
    done = command("compress", "--net", "Small", "--weights", "Small.caffemodel", "--rank", rank, folder=tmp_path)
    assert done.code == 1
    assert message in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "prototxt/Small-small").exists()


def test_shared_weights_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = DEPLOY.replace(
        "inner_product_param { num_output: 16", 'param { name: "w" } inner_product_param { num_output: 16'
    )
    twice += (
        'layer { name: "fc_too" type: "InnerProduct" bottom: "norm1" top: "fc_too" param { name: "w" } '
        "inner_product_param { num_output: 16 } }"
    )
    caffemodel = write_net(tmp_path, twice)
    monkeypatch.chdir(tmp_path)
    done = command("compress", "--net", "Small", "--weights", caffemodel, "--rank", "fc=2", folder=tmp_path)
    assert done.code == 1 and "shares its weights" in done.err
    model = read_model(net_files("Small"), caffemodel)
    assert [layer.name for layer in model.layers() if model.shares_weights(layer.name)] == ["fc", "fc_too"]


def test_splitting_keeps_the_order_of_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caffemodel = write_net(tmp_path, DEPLOY)
    monkeypatch.chdir(tmp_path)
    model = read_model(net_files("Small"), caffemodel)
    split(model, Factors("fc", model.weights["fc"][0].astype(np.float64)), 2)
    assert [layer.name for layer in model.layers()] == ["conv1", "fc_a", "fc_b", "fc8"]
    assert all(isinstance(layer, LayerParameter) for layer in model.layers())
