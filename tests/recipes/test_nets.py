"""The nets of the recipes: the files are the program's, both phases run, absent labels count in no loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, TRAIN, Datum, NetParameter
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.mean import write_mean
from caffe_io.prototxt import read_solver
from common.card import read_net_card
from common.places import ROOT
from kits.commands import inside
from recipes.nets.face_net import BATCH, FaceNet, deploy, files, outputs, train_test
from recipes.nets.table import NETS
from training.nets.net import Net
from training.solvers.training_file import read_training_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Databases of all nets with three pictures each; the second has no labels."""
    random = np.random.default_rng(0)
    with inside(tmp_path):
        for net in NETS.values():
            for part in ("train", "test"):
                with write_lmdb(f"{net.data}_{part}") as pictures, write_lmdb(f"{net.data}_{part}_labels") as labels:
                    for i in range(3):
                        picture = random.integers(
                            0, 256, (len(net.picture.mean), net.picture.side, net.picture.side), dtype=np.uint8
                        )
                        pictures.put(b"%d" % i, array_to_datum(picture, 0).SerializeToString())
                        values = [-1.0 if i == 1 else 1.0] * len(net.losses)
                        datum = Datum(channels=len(values), height=1, width=1, float_data=values)
                        labels.put(b"%d" % i, datum.SerializeToString())
        write_mean(Path("data/soft/years.binaryproto"), np.eye(101, dtype=np.float32)[None])
    return tmp_path


def with_batches(param: NetParameter, size: int) -> NetParameter:
    """Return the net with batches of so many pictures."""
    for layer in param.layer:
        if layer.type == "Data":
            layer.data_param.batch_size = size
    return param


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_the_files_are_the_program_s(net: FaceNet) -> None:
    """Written by python -m recipes.nets."""
    for name, text in files(net).items():
        assert (ROOT / "prototxt" / net.name / name).read_text() == text, name


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_the_card_and_the_training_file_are_right(net: FaceNet) -> None:
    card = read_net_card(ROOT / "prototxt" / net.name / "card.json")
    assert [output.task for output in card.outputs] == list(net.losses)
    for output in card.outputs:
        assert output.size == outputs(output.task)
    if net.training:
        read_training_file(ROOT / "prototxt" / net.name / "training.json")
    assert read_solver(ROOT / "prototxt" / net.name / "solver.prototxt").max_iter == net.iterations


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_both_phases_run(net: FaceNet, folder: Path) -> None:
    param = with_batches(train_test(net), 3)
    with inside(folder):
        trained = Net(param, TRAIN, seed=1)
        # Before it, the statistics of BatchNorm are 0, and TEST divides by next to nothing.
        loss = trained.forward()
        trained.close()
        assert bool(loss.isfinite()) and float(loss.detach()) > 0
        tested = Net(param, TEST)
        tested.share_weights(trained)
        with torch.inference_mode():
            loss = tested.forward()
        tested.close()
    assert bool(loss.isfinite()) and float(loss) > 0


@pytest.mark.parametrize("name", ["FaceRes", "FaceResSmile", "FaceResAdience"])
def test_our_own_nets_are_small(name: str) -> None:
    made = Net(deploy(NETS[name]), TEST)
    # A BatchNorm's own three blobs hold statistics.
    learnt = sum(parameter.values.numel() for parameter in made.parameters if "_bn" not in parameter.layer)
    assert 300_000 < learnt < 1_000_000


def test_absent_labels_give_no_loss_and_no_gradient(folder: Path) -> None:
    """Records 0, 1, 2, 0, 1, ...: a third of each batch is absent, and its loss would be that of label -1."""
    net = NETS["FaceRes"]
    with inside(folder):
        made = Net(train_test(net), TRAIN, seed=1)
        made.forward()
        scores = made.blobs["gender_scores"].detach()
        made.close()
    known = [i for i in range(BATCH) if i % 3 != 1]
    expected = -scores.log_softmax(1)[known, 1].mean()
    assert float(made.blobs["gender_loss"].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_the_statistics_follow_the_weights_in_few_iterations(folder: Path) -> None:
    """With Caffe's moving average of 1,000 iterations, answers after a short training are those of weights long gone."""
    param = with_batches(train_test(NETS["FaceResAdience"]), 3)
    for layer in param.layer:
        if layer.type == "Data":
            layer.transform_param.mirror = False
    with inside(folder):
        made = Net(param, TRAIN, seed=1)
        made.forward()
        weights, means = (
            next(each.values for each in made.parameters if each.layer == layer) for layer in ("stem", "stem_bn")
        )
        count = next(each.values for each in made.parameters if each.layer == "stem_bn" and each.values.numel() == 1)
        first = (means / count).clone()
        for _ in range(5):
            made.forward()
        with torch.no_grad():
            weights.mul_(-1)
        for _ in range(25):
            made.forward()
        now = means / count
        made.close()
    # The random crop changes a little, the sign everything.
    assert float((now + first).norm()) < 0.25 * float(first.norm())
