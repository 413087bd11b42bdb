"""Makes the small world that each case gets a copy of: pictures, databases, a net, its weights and its compiled form."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import numpy as np

from .server import Server

NET = """name: "Tiny"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mean_file: "data/mean/mean.binaryproto" mirror: true }
  data_param { source: "data/lmdb/train_lmdb" backend: LMDB batch_size: 4 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { mean_file: "data/mean/mean.binaryproto" }
  data_param { source: "data/lmdb/test_lmdb" backend: LMDB batch_size: 4 } }
"""
BODY = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.01 } } }
"""
JUDGED = """layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
INPUT = (
    'name: "Tiny"\nlayer { name: "data" type: "Input" top: "data" '
    "input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }\n"
)
DEPLOY = INPUT + BODY + 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'
SOLVER = """net: "prototxt/Tiny/train_test.prototxt"
test_iter: 2
test_interval: 2
base_lr: 0.01
lr_policy: "step"
gamma: 0.5
stepsize: 3
display: 2
max_iter: 4
momentum: 0.9
weight_decay: 0.0005
snapshot: 2
snapshot_prefix: "models/Tiny/Tiny"
solver_mode: CPU
random_seed: 1
"""
CARD = """{
  "name": "Tiny",
  "channel_order": "BGR",
  "resize": "stretch",
  "crop_margin": 0.0,
  "outputs": [{"blob": "prob", "task": "colour", "read": "argmax", "classes": ["blue", "green", "red"]}]
}
"""
WEIGHTS = "models/Tiny/Tiny_iter_4.caffemodel"
STATE = "models/Tiny/Tiny_iter_4.solverstate"
_COMMANDS = [
    ("convert_imageset", "./", "list.txt", "data/lmdb/train_lmdb", "--resize_height", "16", "--resize_width", "16"),
    ("convert_imageset", "./", "list.txt", "data/lmdb/test_lmdb", "--resize_height", "16", "--resize_width", "16"),
    ("compute_image_mean", "data/lmdb/train_lmdb", "data/mean/mean.binaryproto"),
    ("train", "--solver", "prototxt/Tiny/solver.prototxt"),
    ("compile", "--net", "Tiny"),
    ("mean", "data/mean/mean.binaryproto", "graph/mean.npy"),
]


def make_world(folder: Path, server: Server) -> None:
    """Make the world in `folder` with the commands themselves."""
    import cv2

    for name, text in (("train_test.prototxt", NET + BODY + JUDGED), ("deploy.prototxt", DEPLOY), ("card.json", CARD),
                       ("solver.prototxt", SOLVER)):  # fmt: skip
        _write(folder / "prototxt/Tiny" / name, text)
    chance = np.random.default_rng(0)
    names = []
    for number in range(12):
        picture = chance.integers(0, 90, (24, 20, 3), np.uint8)
        picture[..., number % 3] += 150
        name = f"faces/{10 * number}_{number % 2}_2_2017{number:013d}.jpg"
        (folder / "faces").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
        names.append(f"{name} {number % 3}")
    _write(folder / "list.txt", "\n".join(names) + "\n")
    shutil.copy(folder / names[0].split(" ")[0], folder / "face.jpg")
    with tarfile.open(folder / "faces.tar", "w") as archive:
        archive.add(folder / "faces", "faces")
    for words in _COMMANDS:
        ended = server.run(words, folder, dict(os.environ), seconds=120, megabytes=4000)
        if ended.code != 0:
            raise AssertionError(f"{' '.join(words)}: {ended.code}: {ended.err}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
