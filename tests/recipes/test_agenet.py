"""AgeNet and GenderNet as recipes/agenet.sh trains them: the stock nets, and another way to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN
from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_weights, write_weights
from common.places import ROOT, net_files
from recipes import agenet
from training.nets.net import Net
from training.solvers.training_file import read_training_file

NAMES = ("AgeNet", "GenderNet")


@pytest.mark.parametrize("name", NAMES)
def test_the_nets_are_the_stock_ones_but_for_the_mirror(working_folder: Path, name: str) -> None:
    agenet.main(["--out", "nets"])
    stock, made = net_files(name, ROOT / "prototxt"), net_files(name, working_folder / "nets")
    net = read_net(made.train_test)
    mirrored = {layer.include[0].phase: layer.transform_param.mirror for layer in net.layer if layer.type == "Data"}
    assert mirrored == {TRAIN: True, TEST: False}
    for layer in net.layer:
        layer.transform_param.ClearField("mirror")
        if not layer.transform_param.ByteSize():
            layer.ClearField("transform_param")
    assert net == read_net(stock.train_test)
    for same in ("deploy", "card"):
        assert getattr(made, same).read_bytes() == getattr(stock, same).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_how_they_learn(working_folder: Path, name: str) -> None:
    agenet.main(["--out", "nets"])
    stock, made = (read_solver(net_files(name, folder).solver) for folder in (ROOT / "prototxt", Path("nets")))
    assert made.base_lr == pytest.approx(agenet.BASE_LR)
    assert made.max_iter == agenet.ITERATIONS[name] == agenet.TESTS * made.snapshot == agenet.TESTS * made.test_interval
    assert (made.net, made.snapshot_prefix) == (stock.net, stock.snapshot_prefix)
    training = read_training_file(Path(f"nets/{name}/training.json"))
    assert training.augment and training.average
    agenet.main(["--out", "nets", "--short"])
    short = read_training_file(Path(f"nets/{name}/training.json"))
    assert short.augment is None and short.average == training.average


@pytest.mark.parametrize(("faces", "batches"), [(0, 1), (1, 1), (50, 1), (51, 2), (687, 14), (4000, 80)])
def test_a_test_covers_the_test_part(working_folder: Path, faces: int, batches: int) -> None:
    agenet.TEST_FACES.parent.mkdir(parents=True)
    agenet.TEST_FACES.write_text("face.jpg 3\n" * faces)
    agenet.main(["--out", "nets"])
    for name in NAMES:
        assert list(read_solver(Path(f"nets/{name}/solver.prototxt")).test_iter) == [batches]


def test_gendernet_starts_with_all_of_agenet_but_its_last_layer(working_folder: Path) -> None:
    """It is a caffemodel that GenderNet takes, and fc8 has two classes in place of nine."""
    deploy = ROOT / "prototxt/AgeNet/deploy.prototxt"
    trained = Net(read_net(deploy), TEST, seed=3)
    given = {layer.name: [blob.detach().numpy() for blob in layer.blobs] for layer in trained.layers if layer.blobs}
    write_weights("AgeNet_iter_7.caffemodel", read_net(deploy), given)
    agenet.main(["--out", "nets", "--start_of", "AgeNet_iter_7.caffemodel"])
    start = read_weights("nets/GenderNet/start.caffemodel")
    assert list(start) == ["conv1", "conv2", "conv3", "fc6", "fc7"]
    assert all(np.array_equal(*pair) for name in start for pair in zip(start[name], given[name], strict=True))
