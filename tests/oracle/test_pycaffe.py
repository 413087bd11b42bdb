"""One script, run with the real pycaffe and with ours, finds the same numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.prototxt import read_net, read_solver
from common.places import ROOT
from kits.commands import inside
from kits.oracle import ONE_THREAD, caffe
from kits.pictures import write_pictures
from kits.training import make_lmdb

pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).with_name("pycaffe_script.py")
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: 0.1 } } }
layer { name: "tanh" type: "TanH" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
"""
FC = """layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 } } }
"""
INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 12 dim: 12 } } }\n'
TRAIN = f"""name: "Small"
layer {{ name: "data" type: "Data" top: "data" top: "label" transform_param {{ mean_value: 120 scale: 0.01 }}
  data_param {{ source: "records" backend: LMDB batch_size: 6 }} }}
{CONV}{FC}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include {{ phase: TEST }} }}
"""
DEPLOY = INPUT + CONV + FC + 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }'
BRANCHES = f"""force_backward: true {INPUT}{CONV}
layer {{ name: "a" type: "Sigmoid" bottom: "pool" top: "a" }}
layer {{ name: "b" type: "Power" bottom: "pool" top: "b" power_param {{ power: 2 scale: 0.5 shift: 1 }} }}
layer {{ name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" eltwise_param {{ coeff: 1 coeff: -2 }} }}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Run the script with ours and with theirs; return the arrays that it found."""
    from training.solvers.snapshot import save_weights
    from training.solvers.solver import Solver

    folder = tmp_path_factory.mktemp("pycaffe")
    make_lmdb(folder / "records", 30, 12, 3, seed=2)
    for name, text in (("train", TRAIN), ("deploy", DEPLOY), ("branches", BRANCHES)):
        (folder / f"{name}.prototxt").write_text(text)
    pixels = np.random.default_rng(5).integers(0, 256, (17, 25, 4), dtype=np.uint8)
    for name, picture in (("colour", pixels[..., :3]), ("grey", pixels[..., 0]), ("alpha", pixels)):
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    write_pictures(folder / "kinds")
    names = {"phone.jpg": "mark.jpg", "marked.png": "mark.png", "marked.tif": "mark.tif"}
    for name, kind in names.items():
        shutil.copy(folder / "kinds" / kind, folder / name)
    cv2.imwrite(str(folder / "phone_grey.jpg"), pixels[..., 0])
    results = []
    for whose, python in (("ours", sys.executable), ("theirs", caffe("python"))):
        (folder / "solver.prototxt").write_text(
            f'net: "train.prototxt" base_lr: 0.05 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.01 max_iter: 8\n'
            f'test_iter: 1 test_interval: 100 test_initialization: false snapshot_prefix: "{whose}" solver_mode: CPU'
        )
        if whose == "ours":
            with inside(folder):
                solver = Solver(read_solver("solver.prototxt"))
                save_weights(solver.net, "start.caffemodel")
                solver.close()
        done = subprocess.run(
            [python, str(SCRIPT), whose, f"{whose}.npz"],
            cwd=folder, capture_output=True, text=True, timeout=280,
            env={**os.environ, **ONE_THREAD} | ({"PYTHONPATH": str(ROOT)} if whose == "ours" else {}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        with np.load(folder / f"{whose}.npz") as arrays:
            results.append(dict(arrays))
    for name in ("spec", "tops"):
        ours, theirs = (read_net(folder / f"{whose}_{name}.prototxt") for whose in ("ours", "theirs"))
        assert ours == theirs
    return results[0], results[1]


def test_one_script_two_caffes(found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]) -> None:
    ours, theirs = found
    assert list(ours) == list(theirs)
    assert len(ours) > 70
    wrong = []
    for name, his in theirs.items():
        scale = max(np.abs(his).max(initial=0), 1e-6)
        if ours[name].shape != his.shape or np.abs(ours[name] - his).max(initial=0) > 1e-4 * scale:
            wrong.append((name, ours[name].shape, his.shape))
    assert not wrong


def test_it_can_fail(found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]) -> None:
    """The numbers compared are not trivial: gradients are not zero, and steps change weights."""
    _, theirs = found
    for name in ("to data", "gradient conv 0 diff", "one step fc diff", "part", "own fc 0 diff"):
        assert np.abs(theirs[name]).max() > 1e-4, name
    assert np.abs(theirs["five conv 0 data"] - theirs["loaded conv 0 data"]).max() > 1e-3
    assert np.abs(theirs["resumed fc 0 data"] - theirs["five fc 0 data"]).max() > 1e-4
