"""compress as a command: the folder that it writes, the goals, fine-tuning, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_weights, write_weights
from kits.commands import Done
from kits.compress import DEPLOY, random_weights, write_net, write_small
from kits.training_commands import command, leftovers

FILES = ["Small-small.caffemodel", "card.json", "deploy.prototxt", "solver.prototxt", "train_test.prototxt"]


def compress(folder: Path, *words: object) -> Done:
    return command("compress", "--net", "Small", "--weights", "Small.caffemodel", *words, folder=folder)


def weights_of(folder: Path) -> int:
    weights = read_weights(folder / "prototxt/Small-small/Small-small.caffemodel")
    return sum(blob.size for blobs in weights.values() for blob in blobs)


def test_the_folder_is_a_net_that_trains_on(tmp_path: Path) -> None:
    write_small(tmp_path)
    done = compress(tmp_path, "--rank", "fc=4")
    assert done.code == 0, done.err
    out = tmp_path / "prototxt/Small-small"
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert json.loads((out / "card.json").read_text())["name"] == "Small-small"
    assert read_net(out / "train_test.prototxt").name == "Small-small"
    assert (
        (out / "deploy.prototxt")
        .read_text()
        .startswith("# Written by moka compress from prototxt/Small/deploy.prototxt")
    )
    solver = read_solver(out / "solver.prototxt")
    assert (solver.net, solver.snapshot_prefix) == (
        "prototxt/Small-small/train_test.prototxt",
        "models/Small-small/Small-small",
    )
    assert (solver.base_lr, solver.max_iter, solver.stepsize) == (pytest.approx(0.001), 6, 2)
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["layer", "conv1", "fc", "fc8", "total"]
    assert lines[2].split()[1:3] == ["2,064", "592"] and "rank 4 of 16" in lines[2]
    assert lines[-1].startswith("to fine-tune: ./moka train --solver prototxt/Small-small/solver.prototxt --weights ")
    trained = command(*lines[-1].split()[3:], folder=tmp_path)
    assert trained.code == 0, trained.err
    assert (tmp_path / "models/Small-small/Small-small_iter_6.caffemodel").exists()
    # The newest snapshot of the new name is taken without --weights.
    again = command("compress", "--net", "Small-small", "--rank", "fc_a=2", folder=tmp_path)
    assert again.code == 0, again.err
    assert [each for each in leftovers(tmp_path) if ".part" in each] == []


def test_energy_gives_each_layer_its_rank(tmp_path: Path) -> None:
    write_net(tmp_path, DEPLOY)
    done = compress(tmp_path, "--energy", "0.5")
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines() if "energy" in line}
    assert "fc" in lines and set(lines) <= {"fc", "fc8"}
    for line in lines.values():
        assert float(line.split()[-1].rstrip("%")) >= 50
    assert float(lines["fc"].split()[-1].rstrip("%")) < 60
    names = [layer.name for layer in read_net(tmp_path / "prototxt/Small-small/deploy.prototxt").layer]
    assert "fc_a" in names and "conv1" in names


@pytest.mark.parametrize("size", [0.0030, 0.0020, 0.0015])
def test_a_size_is_kept_and_almost_used(tmp_path: Path, size: float) -> None:
    write_net(tmp_path, DEPLOY)
    done = compress(tmp_path, "--size", size)
    assert done.code == 0, done.err
    allowed = size * 1e6 / 2
    # One rank of fc has 144 weights.
    assert allowed - 144 - 19 <= weights_of(tmp_path) <= allowed


def test_a_size_out_of_reach_is_refused(tmp_path: Path) -> None:
    write_net(tmp_path, DEPLOY)
    done = compress(tmp_path, "--size", 0.0001)
    assert done.code == 1
    assert "--size 0.0001: with rank 1 in every InnerProduct the weights still take 0.000812 MB" in done.err
    assert not (tmp_path / "prototxt/Small-small").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say how small the net should be"),
        (["--rank", "fc"], "expected LAYER=NUMBER"),
        (["--rank", "fc=0"], "expected LAYER=NUMBER"),
        (["--rank", "fc=2,fc=3"], "fc is named twice"),
        (["--energy", "1.5"], "expected a share above 0, at most 1"),
        (["--energy", "nan"], "expected a share above 0, at most 1"),
        (["--size", "inf"], "expected a number of MB above 0"),
        (["--size", "-1"], "expected a number of MB above 0"),
        (["--size", "5"], "nothing to do"),
        (["--size", "5", "--energy", "0.5"], "not allowed with"),
    ],
)
def test_wrong_options(tmp_path: Path, words: list[str], message: str) -> None:
    write_net(tmp_path, DEPLOY)
    done = compress(tmp_path, *words)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "prototxt/Small-small").exists()


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    write_net(tmp_path, DEPLOY)
    assert compress(tmp_path, "--rank", "fc=2").code == 0
    before = weights_of(tmp_path)
    done = compress(tmp_path, "--rank", "fc=3")
    assert done.code == 2 and "already there" in done.err
    assert weights_of(tmp_path) == before
    assert compress(tmp_path, "--rank", "fc=3", "--force").code == 0
    assert weights_of(tmp_path) > before
    (tmp_path / "prototxt/Small-small/notes.txt").write_text("mine")
    assert compress(tmp_path, "--rank", "fc=2", "--force").code == 2
    assert (tmp_path / "prototxt/Small-small/notes.txt").read_text() == "mine"


def test_a_net_of_the_user_s_own_is_kept_in_spite_of_force(tmp_path: Path) -> None:
    """It may have the same names of files."""
    caffemodel = write_net(tmp_path, DEPLOY)
    own = tmp_path / "prototxt/Small"
    (own / "Small.caffemodel").write_bytes(caffemodel.read_bytes())
    done = compress(tmp_path, "--rank", "fc=2", "--force", "--out", "prototxt/Small")
    assert done.code == 2 and "a folder that this command did not write" in done.err
    assert (own / "deploy.prototxt").read_text() == DEPLOY


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    caffemodel = write_net(tmp_path, DEPLOY)
    caffemodel.write_bytes(caffemodel.read_bytes()[:-9])
    done = compress(tmp_path, "--rank", "fc=2")
    assert done.code == 1 and "Small.caffemodel" in done.err and done.err.count("\n") == 1


def test_training_json_goes_along(tmp_path: Path) -> None:
    """All layers are tuned, and the average goes over a tenth of the iterations."""
    write_small(tmp_path)
    content = {
        "freeze": [{"layers": ["fc"], "until": 0.5}],
        "average": {"decay": 0.998},
        "schedule": {"policy": "cosine"},
    }
    (tmp_path / "prototxt/Small/training.json").write_text(json.dumps(content))
    assert compress(tmp_path, "--rank", "fc=4").code == 0
    written = json.loads((tmp_path / "prototxt/Small-small/training.json").read_text())
    assert written == {"average": {"decay": 0.98}, "schedule": {"policy": "cosine"}}
    (tmp_path / "prototxt/Small/training.json").write_text('{"averages": 1}')
    done = compress(tmp_path, "--rank", "fc=4", "--force")
    assert done.code == 1 and "training.json" in done.err


@pytest.mark.parametrize("legacy", [False, True])
def test_layers_that_only_training_has_shrink_along(tmp_path: Path, legacy: bool) -> None:
    """Such as a second loss; also if their weights have the four axes of older files."""
    write_small(tmp_path)
    path = tmp_path / "prototxt/Small/train_test.prototxt"
    path.write_text(
        path.read_text()
        + 'layer { name: "aux" type: "InnerProduct" bottom: "fc" top: "aux" inner_product_param { num_output: 3 } }\n'
        + 'layer { name: "loss2" type: "SoftmaxWithLoss" bottom: "aux" bottom: "label" top: "loss2" loss_weight: 0.3 }\n'
    )
    weights = random_weights(tmp_path / "prototxt/Small/deploy.prototxt")
    weights["aux"] = [np.random.default_rng(5).normal(size=(3, 16)).astype(np.float32), np.ones(3, np.float32)]
    net = read_net(tmp_path / "prototxt/Small/deploy.prototxt")
    net.layer.add(name="aux", type="InnerProduct")
    shapes = {name: list(blobs) for name, blobs in weights.items()}
    if legacy:
        shapes["aux"] = [blob.reshape((1,) * (4 - blob.ndim) + blob.shape) for blob in weights["aux"]]
    write_weights(tmp_path / "Small.caffemodel", net, shapes, force=True)
    weights["fc"][0][:4] *= 1e-3
    write_weights(tmp_path / "Small.caffemodel", net, {**shapes, "fc": weights["fc"]}, force=True)
    done = compress(tmp_path, "--channels", "fc=12")
    assert done.code == 0, done.err
    written = read_weights(tmp_path / "prototxt/Small-small/Small-small.caffemodel")
    assert np.array_equal(written["aux"][0], weights["aux"][0][:, 4:])
    assert np.array_equal(written["fc8"][0], weights["fc8"][0][:, 4:])
    trained = command(*done.out.splitlines()[-1].split()[3:], folder=tmp_path)
    assert trained.code == 0, trained.err
