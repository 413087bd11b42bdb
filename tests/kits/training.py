"""Small data sets, nets and solvers for the tests of the training room."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.mean import write_mean
from common.places import ROOT


def make_lmdb(path: Path, records: int, side: int, classes: int, seed: int = 0) -> None:
    """Write soft coloured clouds (3 x side x side), whose brightness depends on their class."""
    random = np.random.default_rng(seed)
    with write_lmdb(path) as database:
        for index in range(records):
            label = int(random.integers(classes))
            cloud = cv2.resize(random.uniform(0, 150, (9, 9, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
            picture = np.clip(cloud + 100 * label / max(1, classes - 1), 0, 255).astype(np.uint8)
            datum = array_to_datum(np.ascontiguousarray(picture.transpose(2, 0, 1)), label)
            database.put(b"%08d_x" % index, datum.SerializeToString())


def make_mean(path: Path, side: int) -> None:
    """Write a mean image whose pixels and channels all differ."""
    gradient = np.linspace(60, 140, 3 * side * side, dtype=np.float32).reshape(3, side, side)
    write_mean(path, gradient)


def age_net(folder: Path, batch_size: int, dropout: float) -> Path:
    """Write AgeNet's train_test.prototxt with another batch size and dropout ratio; return its path."""
    text = (ROOT / "prototxt/AgeNet/train_test.prototxt").read_text()
    text = text.replace("batch_size: 50", f"batch_size: {batch_size}").replace(
        "dropout_ratio: 0.5", f"dropout_ratio: {dropout}"
    )
    path = folder / "AgeNet_train_test.prototxt"
    path.write_text(text)
    return path


SMALL_NET = """
name: "Small"
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TRAIN }}
  transform_param {{ mean_value: 120 scale: 0.02 crop_size: 20 mirror: true }}
  data_param {{ source: "{train}" backend: LMDB batch_size: 8 }} }}
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TEST }}
  transform_param {{ mean_value: 120 scale: 0.02 crop_size: 20 }}
  data_param {{ source: "{test}" backend: LMDB batch_size: 8 }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param {{ lr_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 8 kernel_size: 3 stride: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param {{ kernel_size: 3 stride: 2 }} }}
layer {{ name: "norm1" type: "LRN" bottom: "pool1" top: "norm1" }}
layer {{ name: "fc" type: "InnerProduct" bottom: "norm1" top: "fc"
  inner_product_param {{ num_output: 16 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "drop" type: "Dropout" bottom: "fc" top: "fc" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "fc" top: "fc8"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "gaussian" std: 0.1 }} }} }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc8" bottom: "label" top: "accuracy" include {{ phase: TEST }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss" }}
"""


def small_solver(folder: Path, **settings: object) -> Path:
    """Write a small net of three classes, its databases and its solver to `folder`; return the solver's path.

    `settings` override the solver's.
    """
    for part, records in (("train", 41), ("test", 21)):
        if not (folder / part).exists():
            make_lmdb(folder / part, records, 24, 3, seed=records)
    net = folder / "net.prototxt"
    net.write_text(SMALL_NET.format(train=folder / "train", test=folder / "test"))
    values = {
        "net": str(net),
        "snapshot_prefix": f"{folder}/small",
        "base_lr": 0.01,
        "lr_policy": "step",
        "gamma": 0.5,
        "stepsize": 6,
        "max_iter": 12,
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "random_seed": 3,
        "snapshot": 4,
        "display": 2,
        "test_interval": 6,
        "test_iter": 3,
        **settings,
    }
    return write_solver(folder / "solver.prototxt", **values)


def write_solver(path: Path, text: str = "", **settings: object) -> Path:
    """Write a solver prototxt for the CPU with these settings, and `text` after them; return its path."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, str):
            lines.append(f'{key}: "{value}"')
        else:
            lines.append(f"{key}: {str(value).lower()}")
    path.write_text("\n".join([*lines, "solver_mode: CPU", text]))
    return path
