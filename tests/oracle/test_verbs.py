"""Our verbs against the tools of Caffe 1.0 of the same names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import Datum, NetParameter, SolverParameter
from caffe_io.databases.lmdb_store import LmdbReader
from caffe_io.prototxt import read_solver
from kits.commands import inside
from kits.oracle import ONE_THREAD, run_caffe
from kits.training import make_lmdb
from kits.training_commands import command

pytestmark = pytest.mark.oracle

NET = """name: "Small"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { mean_value: 120 scale: 0.01 }
  data_param { source: "records" backend: LMDB batch_size: 6 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" loss_weight: 0.5 }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" include { phase: TEST stage: "show" } }
"""
SOLVER = """net: "net.prototxt" base_lr: 0.01 lr_policy: "step" gamma: 0.5 stepsize: 4 max_iter: 9 momentum: 0.9 display: 2
test_iter: 2 test_interval: 3 snapshot_prefix: "log" solver_mode: CPU random_seed: 1"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs")
    make_lmdb(folder / "records", 20, 12, 3, seed=2)
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(SOLVER)
    with inside(folder):
        from training.solvers.solver import Solver

        solver = Solver(read_solver("solver.prototxt"))
        solver.snapshot()
        solver.close()
    return folder


def run_theirs(folder: Path, program: str, *words: str) -> str:
    """Run one of Caffe's programs in one thread; return its log."""
    return run_caffe(program, *words, folder=folder, **ONE_THREAD)


def messages(log: str, source: str) -> Iterator[tuple[str, list[float]]]:
    """Yield the lines of one source file, without their prefix and with # for each number; and the numbers."""
    for line in re.findall(rf"^I\d{{4}} \d\d:\d\d:\d\d\.\d{{6}} +\d+ {source}:\d+\] (.*)$", log, re.MULTILINE):
        number = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"
        yield (
            re.sub(rf"(?<= ){number}(?=[ ,]|$)", "#", line),
            [float(x) for x in re.findall(rf"(?<= ){number}(?=[ ,]|$)", line)],
        )


@pytest.mark.parametrize("stage", ["", "show"])
def test_test(folder: Path, stage: str) -> None:
    """Compare every line that the original prints, in its order, with its numbers."""
    words = [
        "-model=net.prototxt",
        "-weights=log_iter_0.caffemodel",
        "-iterations=3",
        *([f"-stage={stage}"] if stage else []),
    ]
    theirs = run_theirs(folder, "caffe", "test", *words)
    done = command("test", *words, folder=folder)
    assert done.code == 0, done.err
    # The first line of the original is "Use CPU.".
    his, mine = list(messages(theirs, "caffe.cpp"))[1:], list(messages(done.err, "caffe.cpp"))
    assert [text for text, _ in mine] == [text for text, _ in his]
    assert len(mine) == 1 + 3 * (20 if stage else 2) + 1 + (20 if stage else 2)
    for (text, own), (_, other) in zip(mine, his, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-6, err_msg=text)


def test_time_prints_the_original_s_lines(folder: Path) -> None:
    words = ["time", "--model=net.prototxt", "--iterations=2"]
    his = [text for text, _ in messages(run_theirs(folder, "caffe", *words), "caffe.cpp")][1:]
    done = command(*words, folder=folder)
    mine = list(messages(done.err, "caffe.cpp"))
    assert [text.split() for text, _ in mine] == [text.split() for text in his]
    times = [numbers[0] for text, numbers in mine if "conv" in text]
    assert len(times) == 2
    assert all(0 < time < 60_000 for time in times)


def test_extract_features(folder: Path) -> None:
    """Compare keys and records."""
    words = ["log_iter_0.caffemodel", "net.prototxt", "conv,fc,label", "{0}_conv,{0}_fc,{0}_label", "4", "lmdb"]
    run_theirs(folder, "extract_features", *[word.format("theirs") for word in words])
    done = command("extract_features", *[word.format("ours") for word in words], folder=folder)
    assert done.code == 0, done.err
    for blob in ("conv", "fc", "label"):
        with LmdbReader(folder / f"ours_{blob}") as ours, LmdbReader(folder / f"theirs_{blob}") as theirs:
            mine, his = dict(ours.items()), dict(theirs.items())
        assert list(mine) == list(his)
        assert len(mine) == 24
        for key in his:
            own, other = Datum.FromString(mine[key]), Datum.FromString(his[key])
            np.testing.assert_allclose(own.float_data, other.float_data, rtol=1e-4, atol=1e-6)
            for datum in (own, other):
                datum.ClearField("float_data")
            assert own == other


V1_NET = """name: "Old" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  convolution_param { num_output: 2 kernel_size: 3 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
"""


def test_upgrade(folder: Path) -> None:
    (folder / "old.prototxt").write_text(V1_NET)
    (folder / "old_solver.prototxt").write_text('net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" solver_type: ADAM')
    (folder / "old.caffemodel").write_bytes(text_format.Parse(V1_NET, NetParameter()).SerializeToString())
    for tool, name, words in (
        ("upgrade_net_proto_text", "old.prototxt", []),
        ("upgrade_solver_proto_text", "old_solver.prototxt", ["--kind", "solver"]),
        ("upgrade_net_proto_binary", "old.caffemodel", []),
    ):
        run_theirs(folder, tool, name, f"theirs_{name}")
        done = command("upgrade", name, f"ours_{name}", *words, folder=folder)
        assert done.code == 0, done.err
        files = [folder / f"{who}_{name}" for who in ("ours", "theirs")]
        if tool.endswith("binary"):
            results = [NetParameter.FromString(file.read_bytes()) for file in files]
        else:
            kind = SolverParameter if words else NetParameter
            results = [text_format.Parse(file.read_text(), kind()) for file in files]
        assert results[0] == results[1], tool
        assert (
            results[0].type == "Adam"
            if words
            else [layer.type for layer in results[0].layer][1:] == ["Convolution", "ReLU"]
        )


def columns(log: str) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return the rows that Caffe's parse_log.py finds in a log: for each iteration the train net's outputs, and the test net's.

    The last "Iteration N" and "lr = X" count for the outputs after them. Times are relative to the line with "Solving", and
    are read from a date of five characters and a time with microseconds.
    """
    tables: dict[str, list[dict[str, float]]] = {"Train": [], "Test": []}
    iteration, rate, start = -1.0, float("nan"), None
    for line in log.splitlines():
        if match := re.match(r"I\d\d\d\d (\d\d):(\d\d):(\d\d)\.(\d{6}) ", line):
            hours, minutes, seconds, micros = map(int, match.groups())
            now = 3600 * hours + 60 * minutes + seconds + 1e-6 * micros
            start = now if start is None and "Solving" in line else start
        if match := re.search(r"Iteration (\d+)", line):
            iteration = float(match[1])
        if start is None or iteration < 0:
            continue
        if match := re.search(r"lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)", line):
            rate = float(match[1])
        if match := re.search(r"(Train|Test) net output #(\d+): (\S+) = ([\.\deE+-]+)", line):
            table = tables[match[1]]
            if not table or table[-1]["NumIters"] != iteration:
                table.append({"NumIters": iteration, "Seconds": now - start, "LearningRate": rate})
            table[-1][match[3]] = float(match[4])
    return tables["Train"], tables["Test"]


def test_parse_log_finds_the_same_columns(folder: Path) -> None:
    words = ["train", "-solver=solver.prototxt", "-weights=log_iter_0.caffemodel"]
    his = columns(run_theirs(folder, "caffe", *words))
    done = command(*words, "--force", folder=folder)
    assert done.code == 0, done.err
    mine = columns(done.err)
    assert (len(his[0]), len(his[1])) == (5, 4)
    for own, other in zip(mine, his, strict=True):
        assert [list(row) for row in own] == [list(row) for row in other]
        for key in own[0]:
            if key == "Seconds":
                assert all(0 <= row[key] < 600 for row in own)
            else:
                np.testing.assert_allclose([r[key] for r in own], [r[key] for r in other], rtol=1e-3, err_msg=key)
