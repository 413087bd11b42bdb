"""Small trained nets for the tests of compress, and what they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST
from caffe_io.prototxt import read_net
from caffe_io.weights import write_weights
from kits.training import SMALL_NET, make_lmdb, write_solver
from training.nets.net import Net

DEPLOY = """
name: "Small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 20 dim: 20 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "norm1" type: "LRN" bottom: "pool1" top: "norm1" }
layer { name: "fc" type: "InnerProduct" bottom: "norm1" top: "fc" inner_product_param { num_output: 16 } }
layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc" top: "fc8" inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }
"""
CARD = """{"name": "Small", "channel_order": "BGR", "resize": "stretch", "crop_margin": 0.0,
 "outputs": [{"blob": "prob", "task": "age", "read": "argmax", "classes": ["a", "b", "c"]}]}"""


def random_weights(deploy: Path, seed: int = 0) -> dict[str, list[Array]]:
    """Weights of all layers of a deploy net that keep the spread of what flows through it. No two are alike."""
    random = np.random.default_rng(seed)
    weights: dict[str, list[Array]] = {}
    for layer in Net(read_net(deploy), TEST, str(deploy)).layers:
        blobs = []
        for index, blob in enumerate(layer.blobs):
            values = random.normal(size=tuple(blob.shape))
            if layer.param.type == "BatchNorm":
                values = np.abs(values) + 0.5 if index else values * 0.1
            elif blob.dim() > 1:
                values /= np.sqrt(blob[0].numel())
            blobs.append(values.astype(np.float32))
        if blobs:
            weights[layer.name] = blobs
    return weights


def write_net(folder: Path, deploy: str, weights: dict[str, list[Array]] | None = None, name: str = "Small") -> Path:
    """Write prototxt/NAME/deploy.prototxt and NAME.caffemodel below `folder`; return the path of the latter."""
    place = folder / "prototxt" / name
    place.mkdir(parents=True, exist_ok=True)
    path = place / "deploy.prototxt"
    path.write_text(deploy)
    caffemodel = folder / f"{name}.caffemodel"
    write_weights(caffemodel, read_net(path), weights or random_weights(path), force=True)
    return caffemodel


def write_small(folder: Path) -> Path:
    """Write the whole net Small: prototxts, solver, card, databases and weights. Return the path of the caffemodel."""
    caffemodel = write_net(folder, DEPLOY)
    place = folder / "prototxt/Small"
    for part, records in (("train", 41), ("test", 21)):
        make_lmdb(folder / part, records, 24, 3, seed=records)
    (place / "train_test.prototxt").write_text(SMALL_NET.format(train=folder / "train", test=folder / "test"))
    (place / "card.json").write_text(CARD)
    write_solver(
        place / "solver.prototxt",
        net="prototxt/Small/train_test.prototxt",
        snapshot_prefix="models/Small/Small",
        base_lr=0.01,
        lr_policy="step",
        gamma=0.5,
        stepsize=20,
        max_iter=60,
        momentum=0.9,
        random_seed=3,
        test_interval=30,
        test_iter=3,
    )
    return caffemodel


def answers(folder: Path, caffemodel: Path, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """What the deploy net in `folder` answers with these weights to a random input."""
    net = Net(read_net(folder / "deploy.prototxt"), TEST, "deploy")
    net.load(caffemodel, finite=True)
    net.forward({name: torch.from_numpy(values) for name, values in feed(folder, seed).items()})
    return {output: net.blobs[output].detach().numpy() for output in net.outputs}


def feed(folder: Path, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """Random numbers for each input of the deploy net in `folder`."""
    random = np.random.default_rng(seed)
    values = {}
    for layer in read_net(folder / "deploy.prototxt").layer:
        if layer.type == "Input":
            for top, shape in zip(layer.top, layer.input_param.shape, strict=True):
                values[top] = random.normal(size=tuple(shape.dim)).astype(np.float32)
    return values
