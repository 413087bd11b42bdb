"""The nets of the recipes against the originals: gradients, 20 iterations, our IR, and a Myriad blob of each.

Small pictures, and small widths where a net is wide. All nets as they are, some minutes:

    NETS=full .venv/bin/python -m pytest tests/oracle/test_recipe_nets.py -s
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, Datum, NetParameter
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.mean import write_mean
from kits.commands import inside
from kits.ncs import Floats
from kits.oracle_layers import Judge, our_net, run_ours
from kits.whole_nets import caffes_run, check_answers, check_training
from recipes.nets import resnet18
from recipes.nets.face_net import ABSENT, FaceNet, deploy, outputs, solver, train_test
from recipes.nets.layers import Layers
from recipes.nets.table import NETS
from recipes.nets.wide_resnet import wide_resnet
from training.solvers.precision import autocast

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("one_thread")]
FULL = os.environ.get("NETS") == "full"
BATCH = 2
ITERATIONS = 20
# Where a net is large: the side of its pictures here, and its layers if they are others.
SMALL: dict[str, tuple[int, Callable[[Layers], str] | None]] = {
    "LeviHassnerAge": (99, None),
    "LeviHassnerGender": (99, None),
    "LMTCNN-1-1": (99, None),
    "LMTCNN-2-1": (99, None),
    "ResNet18": (64, partial(resnet18.body, stages=(16, 32, 64, 128))),
    "WideResNet-16-8": (32, wide_resnet(16, 2)),
    "WideResNet-16-4": (32, wide_resnet(16, 1)),
    "WideResNet-10-2": (32, None),
}
# At its own rate, a window in which rounding chose the other of two near-equal numbers moves a net's next losses by more than
# they may differ. What LMTCNN learns at this one is too little for a float.
RATE = 1e-4
RATES = {"BKNet": 3e-5, "LMTCNN-1-1": 1e-3, "LMTCNN-2-1": 1e-2}
# Of the random pictures. With some others there is such a window in the first iteration.
SEED = 1


def small(name: str) -> FaceNet:
    """The net as it is tested here, with pictures of which nothing is cut off."""
    net = NETS[name]
    side, body = (net.picture.crop, None) if FULL else SMALL.get(name, (net.picture.crop, None))
    return replace(net, picture=replace(net.picture, side=side, crop=side), body=body or net.body, batch=BATCH)


def certain(param: NetParameter, folder: Path) -> NetParameter:
    """Return the net of the phase TRAIN without anything random, and with its distributions, which it finds in `folder`."""
    kept = [layer for layer in param.layer if not layer.include or layer.include[0].phase == TRAIN]
    made = NetParameter(name=param.name, layer=kept)
    for layer in made.layer:
        layer.transform_param.ClearField("mirror")
        if layer.type == "Scale":
            # What begins at 0 says nothing of how much a weight may be off.
            layer.scale_param.bias_filler.type, layer.scale_param.bias_filler.value = "constant", 0.1
        if layer.type == "InnerProduct" and not layer.inner_product_param.bias_filler.value:
            layer.inner_product_param.bias_filler.type, layer.inner_product_param.bias_filler.value = "constant", 0.1
        if layer.type == "Convolution" and layer.convolution_param.bias_term:
            layer.convolution_param.bias_filler.type, layer.convolution_param.bias_filler.value = "constant", 0.1
        if layer.type == "Dropout":
            # No two programs drop the same numbers.
            layer.dropout_param.dropout_ratio = 0
        if layer.type == "InfogainLoss":
            layer.infogain_loss_param.source = str(folder / "years.binaryproto")
    return made


def write_distributions(folder: Path) -> None:
    """Write a Gaussian over the years 0 to 100 for each of them."""
    years = np.arange(101)
    rows = np.exp(-((years[:, None] - years) ** 2) / 18)
    write_mean(folder / "years.binaryproto", (rows / rows.sum(1, keepdims=True)).astype(np.float32)[None])


def labels_of(net: FaceNet, count: int) -> Floats:
    """Labels of so many pictures: random ones, but every second picture lacks one of them."""
    random = np.random.default_rng(3)
    labels = np.stack([random.integers(0, outputs(task), count) for task in net.losses], axis=1).astype(np.float32)
    for picture in range(1, count, BATCH):
        labels[picture, picture // BATCH % len(net.losses)] = ABSENT
    return labels


def pictures_of(net: FaceNet, count: int) -> Floats:
    """Random pictures, as a database has them."""
    shape = (count, len(net.picture.mean), net.picture.side, net.picture.side)
    return np.random.default_rng(SEED).integers(0, 256, shape).astype(np.float32)


def mean_of(net: FaceNet) -> Floats:
    """One number a channel, with the axes of a picture."""
    return np.array(net.picture.mean, np.float32)[:, None, None]


def cosine(a: Floats, b: Floats) -> float:
    """Return the cosine of the angle between two blobs."""
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETS)
def test_gradients_are_caffe_s(judge: Judge, name: str, precision: str, tmp_path: Path) -> None:
    """Of the pictures and of all weights, to 1e-4 of the largest of each blob; and the losses.

    In bf16 rounding turns some ReLUs on or off: the losses to 1 %, and the gradients' directions.
    """
    net = small(name)
    write_distributions(tmp_path)
    param = certain(train_test(net), tmp_path)
    data = {"data": (pictures_of(net, BATCH) - mean_of(net)) * np.float32(net.picture.scale)}
    data["labels"] = labels_of(net, BATCH)[:, :, None, None]
    layers = [layer for layer in param.layer if layer.type != "Data"]
    made = NetParameter(name=name, force_backward=True)
    for blob, values in data.items():
        made.layer.add(name=blob, type="Input", top=[blob]).input_param.shape.add(dim=values.shape)
    made.layer.extend(layers)
    text = text_format.MessageToString(made)
    # Caffe's fillers make the weights.
    weights = judge.run(text, data, phase="TRAIN", backward=False).weights
    theirs = judge.run(text, data, weights, phase="TRAIN")
    with autocast(precision, torch.device("cpu")):
        ours = run_ours(our_net(text), data, weights, {}, still=["labels"])
    for task in net.losses:
        loss = f"{task}_loss"
        assert theirs.data[loss] > 0
        rtol = 1e-5 if precision == "fp32" else 1e-2
        np.testing.assert_allclose(ours.data[loss], theirs.data[loss], rtol=rtol, err_msg=loss)
    pairs = {key: (values, theirs.weight_diffs[key]) for key, values in ours.weight_diffs.items()}
    assert all(not values.any() for key, values in theirs.weight_diffs.items() if key not in pairs)
    if precision == "bf16":
        cosines = {key: cosine(mine, his) for key, (mine, his) in pairs.items()}
        assert min(cosines.values()) > 0.7, min(cosines, key=lambda key: cosines[key])
        return
    off = {}
    for key, (mine, his) in {**pairs, ("data", 0): (ours.diff["data"], theirs.diff["data"])}.items():
        largest = float(np.abs(his).max())
        assert largest > 0, f"{key} got no gradient"
        off[key] = float(np.abs(mine - his).max()) / largest
    print(f"\n{name}: {len(off)} gradients off by at most {max(off.values()):.0e}")
    assert max(off.values()) <= 1e-4, max(off, key=lambda key: off[key])


@pytest.mark.parametrize("name", NETS)
def test_twenty_iterations_as_caffe(judge: Judge, name: str, tmp_path: Path) -> None:
    """With the net's own solver but for a lower rate, over the same databases."""
    net = small(name)
    write_distributions(tmp_path)
    count = ITERATIONS * BATCH
    with inside(tmp_path):
        write_records(net, pictures_of(net, count).astype(np.uint8), labels_of(net, count))
        Path("net.prototxt").write_text(text_format.MessageToString(certain(train_test(net), tmp_path)))
        param = solver(net, ITERATIONS)
        param.base_lr = RATES.get(name, RATE)
        param.net, param.snapshot_prefix, param.snapshot, param.test_interval = "net.prototxt", "net", 0, 0
        del param.test_iter[:]
        Path("solver.prototxt").write_text(text_format.MessageToString(param))
    check_training(judge, name, tmp_path, ITERATIONS)


def write_records(net: FaceNet, pictures: Floats, labels: Floats) -> None:
    """Write the two databases of the phase TRAIN."""
    with write_lmdb(f"{net.data}_train") as records, write_lmdb(f"{net.data}_train_labels") as truths:
        for number, (picture, values) in enumerate(zip(pictures, labels, strict=True)):
            key = b"%08d" % number
            records.put(key, array_to_datum(picture, 0).SerializeToString())
            truth = Datum(channels=len(values), height=1, width=1, float_data=values.tolist())
            truths.put(key, truth.SerializeToString())


@pytest.mark.parametrize("name", NETS)
def test_answers_as_caffe(judge: Judge, name: str, tmp_path: Path) -> None:
    """The deploy net, from raw pictures to probabilities."""
    net = small(name)
    check_answers(caffes_run(judge, deploy(net), mean_of(net), net.picture.scale), name, tmp_path)
