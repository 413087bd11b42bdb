"""Nets of the kinds that Caffe's own examples and models are, each trained for two iterations and tested, with small data."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.backends import BACKENDS
from caffe_io.weights import read_weights
from kits.training import make_mean, write_solver
from kits.training_commands import command

CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
"""
END = """layer { name: "fc" type: "InnerProduct" bottom: "%s" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
# As in a siamese net: two channels are two pictures, which go through the same weights.
SIAMESE = (
    """layer { name: "pairs" type: "Data" top: "pairs" top: "sim" transform_param { scale: 0.00390625 }
  data_param { source: "leveldb" batch_size: 4 } }
layer { name: "slice" type: "Slice" bottom: "pairs" top: "data" top: "data_p" slice_param { slice_dim: 1 slice_point: 1 } }
"""
    + "".join(
        f"""layer {{ name: "feat{end}" type: "InnerProduct" bottom: "data{end}" top: "feat{end}" param {{ name: "w" lr_mult: 1 }}
  param {{ name: "b" lr_mult: 2 }} inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
"""
        for end in ("", "_p")
    )
    + """layer { name: "loss" type: "ContrastiveLoss" bottom: "feat" bottom: "feat_p" bottom: "sim" top: "loss"
  contrastive_loss_param { margin: 1 } }"""
)
# As in an autoencoder: which data the test net reads is its stage's matter.
AUTOENCODER = """layer { name: "data" type: "Data" top: "data" include { phase: TRAIN }
  transform_param { scale: 0.0039215684 } data_param { source: "lmdb" batch_size: 4 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" include { phase: TEST stage: "on-train" }
  transform_param { scale: 0.0039215684 } data_param { source: "lmdb" batch_size: 4 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" include { phase: TEST stage: "on-test" }
  transform_param { scale: 0.0039215684 } data_param { source: "lmdb" batch_size: 2 backend: LMDB } }
layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }
layer { name: "encode" type: "InnerProduct" bottom: "data" top: "code"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 1 sparse: 3 } } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "code" top: "squashed" }
layer { name: "decode" type: "InnerProduct" bottom: "squashed" top: "decoded"
  inner_product_param { num_output: 288 weight_filler { type: "gaussian" std: 1 sparse: 3 } } }
layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "decoded" bottom: "flat" top: "entropy" loss_weight: 1 }
layer { name: "out" type: "Sigmoid" bottom: "decoded" top: "out" }
layer { name: "error" type: "EuclideanLoss" bottom: "out" bottom: "flat" top: "error" loss_weight: 0 }
"""
NETS = {
    "lmdb": """layer { name: "data" type: "Data" top: "data" top: "label"
  transform_param { mirror: true crop_size: 10 mean_file: "mean.binaryproto" }
  data_param { source: "lmdb3" batch_size: 4 backend: LMDB } }
""" + CONV + """layer { name: "norm" type: "LRN" bottom: "pool" top: "norm"
  lrn_param { local_size: 3 alpha: 5e-05 beta: 0.75 norm_region: WITHIN_CHANNEL } }
layer { name: "drop" type: "Dropout" bottom: "norm" top: "norm" dropout_param { dropout_ratio: 0.5 } }
""" + END % "norm",
    "v1 layers": """layers { name: "data" type: DATA top: "data" top: "label"
  data_param { source: "lmdb3" batch_size: 4 backend: LMDB scale: 0.01 crop_size: 8 mirror: true } }
layers { name: "fc" type: INNER_PRODUCT bottom: "data" top: "fc" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc" bottom: "label" top: "loss" }
""",
    "siamese": SIAMESE,
    "autoencoder": AUTOENCODER,
    "hdf5": """layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "list.txt" batch_size: 10 } }
""" + END % "data",
    "pictures": """layer { name: "data" type: "ImageData" top: "data" top: "label"
  transform_param { mean_file: "mean.binaryproto" }
  image_data_param { source: "pictures.txt" batch_size: 4 new_height: 12 new_width: 12 } }
""" + CONV + END % "pool",
    "windows": """layer { name: "data" type: "WindowData" top: "data" top: "label"
  transform_param { mirror: true crop_size: 10 mean_file: "mean.binaryproto" }
  window_data_param { source: "windows.txt" batch_size: 8 fg_fraction: 0.25 context_pad: 2 crop_mode: "warp" } }
""" + CONV + END % "pool",
}  # fmt: skip
STATES = {"autoencoder": 'test_state { stage: "on-train" } test_state { stage: "on-test" } test_iter: 1 test_iter: 1'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a little data of every kind, with paths relative to the folder."""
    random = np.random.default_rng(1)
    for name, backend, channels in (("lmdb", "lmdb", 2), ("lmdb3", "lmdb", 3), ("leveldb", "leveldb", 2)):
        if backend == "leveldb":
            pytest.importorskip("plyvel", reason="plyvel is not installed; Python 3.13 has no package of it")
        with BACKENDS[backend].write(tmp_path / name, False) as database:
            for index in range(6):
                data = random.integers(0, 256, channels * 144, dtype=np.uint8).tobytes()
                datum = Datum(channels=channels, height=12, width=12, data=data, label=index % 2)
                database.put(b"%08d" % index, datum.SerializeToString())
    make_mean(tmp_path / "mean.binaryproto", 12)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["data"] = random.standard_normal((25, 4)).astype(np.float32)
        file["label"] = (np.arange(25) % 3).astype(np.float32)
    (tmp_path / "list.txt").write_text("rows.h5\nrows.h5\n")
    cv2.imwrite(str(tmp_path / "a.png"), random.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    (tmp_path / "pictures.txt").write_text("a.png 0\na.png 2\n")
    (tmp_path / "windows.txt").write_text("# 0\na.png\n3 20 30\n3\n1 0.8 2 3 20 15\n2 1 0 0 29 19\n0 0.1 5 5 9 9\n")
    return tmp_path


@pytest.mark.parametrize("name", NETS)
def test_it_trains_and_tests(folder: Path, name: str) -> None:
    (folder / "net.prototxt").write_text(NETS[name])
    write_solver(
        folder / "solver.prototxt", STATES.get(name, "test_iter: 2"), net="net.prototxt", base_lr=0.01, lr_policy="inv",
        gamma=0.0001, power=0.75, momentum=0.9, max_iter=2, test_interval=1, snapshot_prefix="it", random_seed=1,
    )  # fmt: skip
    done = command("train", "--solver", "solver.prototxt", folder=folder)
    assert done.code == 0, done.err
    assert "Iteration 2, Testing net (#0)" in done.err and "Optimization Done." in done.err
    assert ("Testing net (#1)" in done.err) == (name == "autoencoder")
    assert all(
        np.isfinite(blob).all() for blobs in read_weights(folder / "it_iter_2.caffemodel").values() for blob in blobs
    )
