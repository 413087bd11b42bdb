"""One script for Caffe's tools, run once with Caffe 1.0's own and once with those of bin/, on the same files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import lmdb
import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import Datum, NetParameter, SolverParameter
from caffe_io.prototxt import parse_text
from caffe_io.weights import read_weights
from common.places import ROOT, toolchain_program
from kits.lmdb_build import write_picture
from kits.oracle import ONE_THREAD, caffe

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

# Spellings that public scripts use. GPU and DEVICE_ID are empty for Caffe, which cannot use a GPU in the tool chain.
SCRIPT = """set -e
$TOOLS/convert_imageset --backend=lmdb --resize_height=12 -resize_width 12 --gray=false --encoded=false \\
    --check_size=true --shuffle=false --logtostderr=1 ./ list.txt records
$TOOLS/convert_imageset -gray -encode_type png --encoded=true --nocheck_size ./ list.txt encoded
$TOOLS/compute_image_mean -backend lmdb records mean.binaryproto
$TOOLS/compute_image_mean --backend=lmdb encoded gray.binaryproto
$TOOLS/caffe train $GPU -solver solver.prototxt --weights=conv.caffemodel,fc.caffemodel --snapshot= \\
    -sigint_effect snapshot --sighup_effect=none --logtostderr 2> train.log
$TOOLS/caffe $GPU train --solver=solver.prototxt --snapshot=log_iter_4.solverstate --alsologtostderr 2> resumed.log
$TOOLS/caffe test -model net.prototxt -weights log_iter_4.caffemodel -iterations 2 -phase TRAIN $GPU 2> test.log
$TOOLS/caffe test -model net.prototxt -weights log_iter_4.caffemodel -iterations=1 --level=1 -stage show 2> stage.log
$TOOLS/caffe --model=net.prototxt -iterations=1 --phase=TEST time 2> time.log
$TOOLS/extract_features log_iter_4.caffemodel net.prototxt conv,fc conv_lmdb,fc_lmdb 2 lmdb $DEVICE
$TOOLS/upgrade_net_proto_text v1.prototxt new.prototxt
$TOOLS/upgrade_net_proto_binary v1.caffemodel new.caffemodel
$TOOLS/upgrade_solver_proto_text old_solver.prototxt new_solver.prototxt
"""
NET = """name: "Small"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { mean_file: "mean.binaryproto" scale: 0.01 }
  data_param { source: "records" backend: LMDB batch_size: 6 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" loss_param { ignore_label: -1 } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST }
  accuracy_param { ignore_label: -1 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" include { phase: TEST stage: "show" min_level: 1 } }
"""
SOLVER = """net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: %d momentum: 0.9 display: 1 test_iter: 2
test_interval: 2 snapshot: 4 snapshot_prefix: "log" solver_mode: CPU random_seed: 1"""
V1 = """name: "Old" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "fc" type: INNER_PRODUCT bottom: "data" top: "fc" blobs_lr: 1 blobs_lr: 2 inner_product_param { num_output: 2 } }
"""


def make_folder(folder: Path) -> Path:
    """Write the pictures, nets and weights that the script begins with. Every fourth label is -1, which the loss ignores."""
    folder.mkdir()
    names = [write_picture(folder / f"pictures/{number}.png", number).name for number in range(12)]
    lines = [f"pictures/{name} {-1 if number % 4 == 3 else number % 3}\n" for number, name in enumerate(names)]
    (folder / "list.txt").write_text("".join(lines))
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(SOLVER % 8)
    (folder / "old_solver.prototxt").write_text("base_lr: 0.1\nsolver_type: NESTEROV\n")
    (folder / "v1.prototxt").write_text(V1)
    old = parse_text(V1, NetParameter(), "v1")
    old.layers[0].blobs.add(num=1, channels=1, height=1, width=2, data=[0.5, -0.5])
    (folder / "v1.caffemodel").write_bytes(old.SerializeToString())
    random = np.random.default_rng(1)
    for layer, shapes in {"conv": [(4, 3, 3, 3), (4,)], "fc": [(3, 100), (3,)]}.items():
        net = NetParameter(name="Small")
        saved = net.layer.add(name=layer)
        for shape in shapes:
            blob = saved.blobs.add(data=random.normal(0, 0.2, int(np.prod(shape))).tolist())
            blob.shape.dim.extend(shape)
        (folder / f"{layer}.caffemodel").write_bytes(net.SerializeToString())
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders in which the script has run: with our tools, and with Caffe's."""
    tools = {"ours": ROOT / "bin", "caffes": Path(caffe("caffe")).parent}
    top = tmp_path_factory.mktemp("tools")
    for name, place in tools.items():
        ours = name == "ours"
        done = subprocess.run(
            ["sh", "-c", SCRIPT], cwd=make_folder(top / name), capture_output=True, text=True, timeout=280,
            env={**os.environ, **ONE_THREAD, "TOOLS": str(place), "GPU": "-gpu 0" * ours, "DEVICE": "GPU DEVICE_ID=0" * ours},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return top / "ours", top / "caffes"


def content(database: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(database), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return {bytes(key): bytes(value) for key, value in transaction.cursor()}


@pytest.mark.parametrize("name", ["records", "encoded"])
def test_databases_are_the_same_byte_for_byte(folders: tuple[Path, Path], name: str) -> None:
    ours, theirs = (content(folder / name) for folder in folders)
    assert ours == theirs
    assert [Datum.FromString(value).label for value in ours.values()].count(-1) == 3


@pytest.mark.parametrize("name", ["mean.binaryproto", "gray.binaryproto"])
def test_means_are_the_same_byte_for_byte(folders: tuple[Path, Path], name: str) -> None:
    ours, theirs = ((folder / name).read_bytes() for folder in folders)
    assert ours == theirs


def numbers(folder: Path, log: str) -> list[tuple[str, float]]:
    """The lines of a log that end with NAME = NUMBER."""
    text = (folder / log).read_text()
    return [
        (name, float(value)) for name, value in re.findall(r"[ ,:](\w+) = (\S+)(?: \(\*.*\))?$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize(("log", "least"), [("train.log", 20), ("resumed.log", 12), ("test.log", 6), ("stage.log", 20)])
def test_logs_have_the_same_numbers(folders: tuple[Path, Path], log: str, least: int) -> None:
    ours, theirs = (numbers(folder, log) for folder in folders)
    assert len(ours) >= least
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert np.allclose([value for _, value in ours], [value for _, value in theirs], atol=1e-4)


def test_the_time_of_each_layer_is_logged(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        assert re.search(r" accuracy\tforward: \S+ ms\.", (folder / "time.log").read_text())


def test_trained_weights_agree(folders: tuple[Path, Path]) -> None:
    ours, theirs = (read_weights(folder / "log_iter_8.caffemodel") for folder in folders)
    assert list(ours) == list(theirs) and len(ours) == 2
    for layer, blobs in ours.items():
        for blob, other in zip(blobs, theirs[layer], strict=True):
            assert np.allclose(blob, other, atol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("conv_lmdb", 100), ("fc_lmdb", 3)])
def test_features_agree(folders: tuple[Path, Path], name: str, size: int) -> None:
    ours, theirs = (content(folder / name) for folder in folders)
    assert list(ours) == list(theirs) and len(ours) == 12
    for key, value in ours.items():
        datum, other = Datum.FromString(value), Datum.FromString(theirs[key])
        assert (datum.channels, datum.height, datum.width) == (other.channels, other.height, other.width)
        assert len(datum.float_data) == size and np.allclose(datum.float_data, other.float_data, atol=1e-5)


def test_upgraded_files_mean_the_same(folders: tuple[Path, Path]) -> None:
    nets = [text_format.Parse((folder / "new.prototxt").read_text(), NetParameter()) for folder in folders]
    assert nets[0] == nets[1] and nets[0].layer[1].type == "InnerProduct"
    binary = [NetParameter.FromString((folder / "new.caffemodel").read_bytes()) for folder in folders]
    assert binary[0] == binary[1] and list(binary[0].layer[-1].blobs[0].data) == [0.5, -0.5]
    solvers = [text_format.Parse((folder / "new_solver.prototxt").read_text(), SolverParameter()) for folder in folders]
    assert solvers[0] == solvers[1] and solvers[0].type == "Nesterov"


def test_every_tool_of_caffe_is_there() -> None:
    theirs = {path.name for path in toolchain_program("caffe", "caffe").parent.iterdir()} - {"python"}
    assert theirs <= {path.name for path in (ROOT / "bin").iterdir()}
