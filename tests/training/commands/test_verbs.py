"""The verbs test, time, upgrade and extract_features, and train's options. tests/oracle compares their output with Caffe's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.caffe_pb2 import Datum, NetParameter
from caffe_io.databases.lmdb_store import LmdbReader
from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_solverstate, read_weights, write_weights
from common.places import ROOT
from kits.training import small_solver
from kits.training_commands import command, leftovers


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Make a folder with net.prototxt, solver.prototxt and small_iter_4.caffemodel."""
    small_solver(tmp_path, max_iter=4, test_interval=100, test_initialization=False, display=0)
    done = command("train", "--solver", "solver.prototxt", folder=tmp_path)
    assert done.code == 0, done.err
    return tmp_path


def test_test_shows_batches_and_means(trained: Path) -> None:
    done = command(
        "test", "-model", "net.prototxt", "-weights", "small_iter_4.caffemodel", "-iterations", 3, folder=trained
    )
    assert done.code == 0, done.err
    for name in ("accuracy", "loss"):
        each = [float(x) for x in re.findall(rf"\] Batch \d, {name} = (\S+)", done.err)]
        assert len(each) == 3
        (mean,) = re.findall(rf"\] {name} = (\S+)", done.err)
        assert float(mean) == pytest.approx(np.mean(each), rel=1e-4)
    assert re.search(r"\] Loss: [\d.]+$", done.err, re.MULTILINE)


def test_layers_of_type_python_run_only_with_an_option(tmp_path: Path) -> None:
    """Code that a prototxt names is found in the current folder, and imports caffe as scripts do."""
    (tmp_path / "my_layers.py").write_text(
        "import caffe\n"
        "class Loss(caffe.Layer):\n"
        "    def reshape(self, bottom, top):\n"
        "        top[0].reshape(1)\n"
        "    def forward(self, bottom, top):\n"
        "        top[0].data[0] = ((bottom[0].data - 1) ** 2).sum()\n"
        "    def backward(self, top, propagate_down, bottom):\n"
        "        bottom[0].diff[...] = 2 * (bottom[0].data - 1)\n"
    )
    (tmp_path / "n.prototxt").write_text("""
        layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 dim: 2 }
          data_filler { type: "constant" value: 1 } } }
        layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y"
          inner_product_param { num_output: 3 bias_term: false } }
        layer { name: "loss" type: "Python" bottom: "y" top: "loss" loss_weight: 1
          python_param { module: "my_layers" layer: "Loss" } }""")
    (tmp_path / "s.prototxt").write_text(
        'net: "n.prototxt" base_lr: 0.25 lr_policy: "fixed" max_iter: 1 snapshot_prefix: "py" random_seed: 1'
    )
    program = [sys.executable, ROOT / "moka"]
    options: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 200}
    refused = command("train", "--solver", "s.prototxt", folder=tmp_path)
    assert refused.code == 1
    assert 'layer "loss" is of type Python: code that a prototxt names runs only if you say so' in refused.err
    assert not (tmp_path / "py_iter_1.caffemodel").exists()
    done = subprocess.run([*program, "train", "--solver", "s.prototxt", "--python-layer", "my_layers"], **options)
    assert done.returncode == 0, done.stderr
    # The gradient of each weight is -2: one step takes it from 0 to 0.5, and y from 0 to 1.
    np.testing.assert_array_equal(read_weights(tmp_path / "py_iter_1.caffemodel")["fc"][0], np.full((3, 2), 0.5))
    words = [
        "test",
        "--model",
        "n.prototxt",
        "--weights",
        "py_iter_1.caffemodel",
        "--iterations",
        "1",
        "--python-layers",
    ]
    tested = subprocess.run([*program, *words], **options)
    assert tested.returncode == 0, tested.stderr
    assert "loss = 0 (* 1 = 0 loss)" in tested.stderr
    (tmp_path / "my_layers.py").write_text(
        "class Loss:\n    def __init__(self, param):\n        raise OSError('gone')\n"
    )
    failed = subprocess.run([*program, *words], **options)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert 'layer "loss" (Python): my_layers.Loss failed when it was made (OSError: gone).' in failed.stderr


def test_test_of_wrong_files(trained: Path) -> None:
    done = command("test", "--model", "net.prototxt", "--weights", "none.caffemodel", folder=trained)
    assert (done.code, done.err.splitlines()[-1][:48]) == (1, "error: none.caffemodel: cannot be read (No such f"[:48])
    done = command("test", "--model", "net.prototxt", "--weights", "x", "--iterations", 0, folder=trained)
    assert done.code == 2
    assert "--iterations 0: expected at least 1" in done.err


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_time_names_every_layer(trained: Path, phase: str) -> None:
    done = command("time", "--model", "net.prototxt", "--iterations", 2, "--phase", phase, folder=trained)
    assert done.code == 0, done.err
    layers = ["data", "conv1", "relu1", "pool1", "norm1", "fc", "drop", "fc8", *["accuracy"][: phase == "TEST"], "loss"]
    for direction in ("forward", "backward"):
        assert re.findall(rf"\] +(\S+)\t{direction}: \S+ ms\.", done.err) == layers
    assert len(re.findall(r"Iteration: \d forward-backward time: \S+ ms", done.err)) == 2
    times = dict(re.findall(r"\] +(\S+)\tbackward: (\S+) ms\.", done.err))
    assert float(times["conv1"]) > 0
    assert float(times["data"]) == 0


def test_extract_features_writes_what_the_net_computes(trained: Path) -> None:
    words = ["extract_features", "small_iter_4.caffemodel", "net.prototxt", "fc8,label", "a/fc8,a/label", 3]
    done = command(*words, "lmdb", "CPU", folder=trained)
    assert done.code == 0, done.err
    assert "24 records of blob fc8 in a/fc8" in done.out
    with (
        LmdbReader(trained / "a/fc8") as reader,
        LmdbReader(trained / "a/label") as labels,
        LmdbReader(trained / "test") as test,
    ):
        records = [Datum.FromString(value) for _, value in reader.items()]
        assert [key for key, _ in reader.items()][:2] == [b"0000000000", b"0000000001"]
        assert [(d.channels, d.height, d.width, len(d.float_data)) for d in records] == [(3, 1, 1, 3)] * 24
        expected = [Datum.FromString(value).label for _, value in test.items()]
        found = [Datum.FromString(value).float_data[0] for _, value in labels.items()]
    assert found == (expected * 2)[:24]
    assert command(*words, folder=trained).code == 2, "the databases are there"
    assert command(*words, "--force", folder=trained).code == 0


@pytest.mark.parametrize(
    ("blobs", "paths", "count", "code", "message"),
    [
        ("fc8,loss", "a", 1, 2, "2 blobs for 1 databases"),
        ("fc8,fc", "a,a", 1, 2, "2 blobs for 1 databases"),
        ("fc9", "a", 1, 1, 'has no blob "fc9". Known: accuracy, conv1, data'),
        ("loss", "a", 1, 1, 'blob "loss" is scalar'),
        ("fc8", "a", 0, 2, "0 batches; expected 1 to 2147483647"),
        ("fc8", "a", 10**20, 2, "100000000000000000000 batches; expected 1 to 2147483647"),
    ],
)
def test_extract_features_used_wrongly(
    trained: Path, blobs: str, paths: str, count: int, code: int, message: str
) -> None:
    done = command("extract_features", "small_iter_4.caffemodel", "net.prototxt", blobs, paths, count, folder=trained)
    assert done.code == code
    assert message in done.err
    assert not (trained / "a").exists()


def test_upgrade_keeps_text_and_binary(trained: Path) -> None:
    (trained / "old.prototxt").write_text('layers { name: "r" type: RELU bottom: "x" top: "x" }')
    done = command("upgrade", "old.prototxt", "new.prototxt", folder=trained)
    assert done.code == 0, done.err
    assert read_net(trained / "new.prototxt").layer[0].type == "ReLU"
    assert "layers" not in (trained / "new.prototxt").read_text()
    done = command("upgrade", "small_iter_4.caffemodel", "new.caffemodel", folder=trained)
    assert done.code == 0, done.err
    before, after = (
        NetParameter.FromString((trained / f"{n}.caffemodel").read_bytes()) for n in ("small_iter_4", "new")
    )
    assert before == after
    done = command("upgrade", "old.prototxt", "new.prototxt", folder=trained)
    assert done.code == 2
    assert "already there" in done.err
    done = command("upgrade", "none", "x", folder=trained)
    assert (done.code, (trained / "x").exists()) == (1, False)


@pytest.mark.timeout(60)
def test_upgrade_does_not_wait_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = command("upgrade", "fifo", "new.prototxt", folder=tmp_path)
    assert (done.code, done.err) == (
        1,
        "error: fifo: cannot be read (a FIFO, not an ordinary file); expected a net or a solver.\n",
    )


def test_upgrade_of_a_solver(trained: Path) -> None:
    (trained / "old.prototxt").write_text("solver_type: NESTEROV base_lr: 0.5")
    assert command("upgrade", "old.prototxt", "new.prototxt", "--kind", "solver", folder=trained).code == 0
    text = (trained / "new.prototxt").read_text()
    assert 'type: "Nesterov"' in text
    assert "snapshot_prefix" not in text
    assert read_solver(trained / "new.prototxt").snapshot_prefix.endswith("new")


def test_train_in_hdf5_and_resumed(tmp_path: Path) -> None:
    """8 iterations in one run, and 4 and 4 with .h5 files in between, end with the same weights."""
    settings = {"max_iter": 8, "snapshot": 4, "test_interval": 100, "snapshot_format": 0, "type": "Adam"}
    small_solver(tmp_path, **settings)
    # This is HDF5.
    assert "snapshot_format: 0" in (tmp_path / "solver.prototxt").read_text()
    done = command("train", "--solver", "solver.prototxt", folder=tmp_path)
    assert done.code == 0, done.err
    assert "Snapshotting to HDF5 file" in done.err
    one_run = read_weights(tmp_path / "small_iter_8.caffemodel.h5")
    (tmp_path / "small_iter_8.caffemodel.h5").unlink()
    done = command("train", "--solver", "solver.prototxt", "--snapshot", "small_iter_4.solverstate.h5", folder=tmp_path)
    assert done.code == 0, done.err
    resumed = read_weights(tmp_path / "small_iter_8.caffemodel.h5")
    for layer, blobs in one_run.items():
        for one, other in zip(blobs, resumed[layer], strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(read_solverstate(tmp_path / "small_iter_8.solverstate.h5").history) == 2 * 6
    assert leftovers(tmp_path) == []


def test_weights_in_the_solver_and_in_the_options(trained: Path) -> None:
    """The solver's weights are loaded, unless --weights or --snapshot is given."""
    solver = trained / "solver.prototxt"
    solver.write_text(solver.read_text() + '\nweights: "small_iter_4.caffemodel" base_lr: 0')
    text = re.sub(r"base_lr: 0\.01", "", solver.read_text())
    solver.write_text(text)
    done = command("train", "--solver", "solver.prototxt", "--force", folder=trained)
    assert done.code == 0, done.err
    assert done.err.count("Finetuning from small_iter_4.caffemodel") == 1
    solver.write_text(text.replace("small_iter_4.caffemodel", "none.caffemodel"))
    for option, value in (("--weights", "small_iter_4.caffemodel"), ("--snapshot", "small_iter_4.solverstate")):
        done = command("train", "--solver", "solver.prototxt", option, value, "--force", folder=trained)
        assert done.code == 0, done.err
    assert command("train", "--solver", "solver.prototxt", "--force", folder=trained).code == 1


def test_level_and_stage_of_the_train_net(tmp_path: Path) -> None:
    solver = small_solver(tmp_path, max_iter=1, test_interval=100, test_initialization=False)
    net = tmp_path / "net.prototxt"
    net.write_text(
        net.read_text()
        + 'layer { name: "s" type: "Sigmoid" bottom: "fc8" top: "staged" include { stage: "more" } }'
        + 'layer { name: "l" type: "Sigmoid" bottom: "fc8" top: "levelled" include { min_level: 2 } }'
    )
    for words, names in (([], set()), (["-stage", "a,more"], {"staged"}), (["-level", "2"], {"levelled"})):
        done = command("train", "-solver", solver, "-force", *words, folder=tmp_path)
        assert done.code == 0, done.err
        assert set(re.findall(r"Train net output #\d+: (staged|levelled)", done.err)) == names


ALL_IN_ONE = """
layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 2 dim: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 2 } }
layer { name: "val" type: "AbsVal" bottom: "fc" top: "val" include { phase: TEST stage: "val" } }
layer { name: "deploy" type: "Softmax" bottom: "fc" top: "deploy" include { phase: TEST stage: "deploy" } }
layer { name: "deep" type: "AbsVal" bottom: "fc" top: "deep" include { phase: TEST min_level: 2 } }
layer { name: "train" type: "Sigmoid" bottom: "fc" top: "train" include { phase: TRAIN } }
"""


@pytest.mark.parametrize("verb", ["time", "draw", "test"])
@pytest.mark.parametrize(
    ("words", "layer"),
    [
        (("--phase", "TEST", "--stage", "val"), "val"),
        (("-phase", "TEST", "-stage=deploy"), "deploy"),
        (("--phase", "TEST", "--level", "2"), "deep"),
        (("--phase", "TRAIN"), "train"),
    ],
)
def test_states_of_an_all_in_one_net(tmp_path: Path, verb: str, words: tuple[str, ...], layer: str) -> None:
    (tmp_path / "net.prototxt").write_text(ALL_IN_ONE)
    net = read_net(tmp_path / "net.prototxt")
    write_weights(tmp_path / "m.caffemodel", net, {"fc": [np.ones((2, 3), np.float32), np.zeros(2, np.float32)]})
    more = {
        "time": ("--iterations", 1),
        "draw": ("--out", "n.svg"),
        "test": ("--iterations", 1, "--weights", "m.caffemodel"),
    }
    done = command(verb, "--model", "net.prototxt", *words, *more[verb], folder=tmp_path)
    if verb == "test" and layer == "train":
        # As Caffe's own tool, it tests in phase TEST whatever --phase says.
        assert "--phase has no meaning here" in done.err
        return
    assert done.code == 0, done.err
    shown = [name for name in ("val", "deploy", "deep", "train") if re.search(rf"\b{name}\b", done.out + done.err)]
    assert shown == [layer]
