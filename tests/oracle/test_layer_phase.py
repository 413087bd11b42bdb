"""A layer's own `phase`, which goes before the net's, against Caffe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN
from caffe_io.prototxt import read_binary_net, read_net, read_solver
from kits.commands import inside
from kits.oracle import caffe
from kits.oracle_layers import Judge, compare, net_text, our_net, run_ours
from kits.training import make_lmdb
from training.solvers.solver import Solver

pytestmark = pytest.mark.oracle

PHASES = [("TRAIN", "TEST"), ("TEST", "TRAIN")]  # the net's, the layer's
X = np.random.default_rng(1).standard_normal((4, 3, 5, 5)).astype(np.float32) + 1


@pytest.mark.parametrize(("phase", "own"), PHASES)
def test_batch_norm(judge: Judge, phase: str, own: str) -> None:
    blobs = {("it", 0): np.array([1, 2, 3]), ("it", 1): np.array([1, 4, 2]), ("it", 2): np.array([2])}
    weights = {key: values.astype(np.float32) for key, values in blobs.items()}
    text = f'layer {{ name: "it" type: "BatchNorm" bottom: "x" top: "y" phase: {own} }}'
    ours = compare(judge, text, {"x": X}, weights=weights, phase=phase, backward=phase == "TRAIN")
    moved = not np.array_equal(ours.weights["it", 2], [2])
    assert moved == (own == "TRAIN")


@pytest.mark.parametrize(("phase", "own"), PHASES)
def test_dropout(judge: Judge, phase: str, own: str) -> None:
    net = net_text(f'layer {{ name: "it" type: "Dropout" bottom: "x" top: "y" phase: {own} }}', {"x": X.shape})
    for top in (
        judge.run(net, {"x": X}, phase=phase, backward=False).data["y"],
        run_ours(our_net(net, phase), {"x": X}, {}, {}, backward=False).data["y"],
    ):
        assert np.array_equal(top, X) == (own == "TEST")


def test_ratios_that_are_no_shares(judge: Judge) -> None:
    """In TEST they do not matter. In TRAIN Caffe makes NaN of 1; we refuse it (test_training_neuron.py)."""
    text = 'layer { name: "it" type: "Dropout" bottom: "x" top: "y" dropout_param { dropout_ratio: 1 } }'
    compare(judge, text, {"x": X}, phase="TEST", backward=False)
    theirs = judge.run(net_text(text, {"x": X.shape}), {"x": X}, backward=False)
    assert np.isnan(theirs.data["y"]).all()


def test_crops_of_pictures(judge: Judge, tmp_path: Path) -> None:
    """phase TEST in a net of TRAIN: the middle, not mirrored by chance."""
    make_lmdb(tmp_path / "records", 4, 12, 2)
    text = (
        'layer { name: "it" type: "Data" top: "x" phase: TEST transform_param { crop_size: 5 } '
        f'data_param {{ source: "{tmp_path}/records" backend: LMDB batch_size: 4 }} }}'
    )
    net = our_net(text)
    net.forward()
    net.close()
    np.testing.assert_array_equal(net.blobs["x"].numpy(), judge.run(text, backward=False).data["x"])


def test_what_a_caffemodel_tells(tmp_path: Path) -> None:
    """A layer keeps its own phase in a snapshot; the others get the net's."""
    layers = (
        'layer { name: "in" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "drop" type: "Dropout" bottom: "x" top: "x" phase: TEST }'
        'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 3 } phase: TRAIN }'
        'layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "y" top: "loss" }'
    )
    (tmp_path / "net.prototxt").write_text(layers)
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 snapshot_prefix: "theirs" solver_mode: CPU'
    )
    done = subprocess.run(
        [caffe("caffe"), "train", "--solver=solver.prototxt"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with inside(tmp_path):
        solver = Solver(read_solver("solver.prototxt"))
        solver.param.snapshot_prefix = "ours"
        model, _ = solver.snapshot()
        solver.close()
    theirs, ours = (read_binary_net(tmp_path / name) for name in ("theirs_iter_1.caffemodel", model))
    phases = {layer.name: layer.phase for layer in theirs.layer}
    assert phases == {"in": TRAIN, "drop": TEST, "fc": TRAIN, "loss": TRAIN}
    assert {layer.name: layer.phase for layer in ours.layer} == phases
    assert not any(layer.HasField("phase") for layer in read_net(tmp_path / "net.prototxt").layer[::3])
