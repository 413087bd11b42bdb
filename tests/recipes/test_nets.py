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
from caffe_io.prototxt import read_net, read_solver
from common.card import read_net_card
from common.errors import UsageError
from common.places import ROOT
from kits.commands import inside
from recipes.nets.__main__ import main as write_nets
from recipes.nets.face_net import BATCH, FaceNet, deploy, files, outputs, train_test
from recipes.nets.table import NETS
from training.nets.net import Net
from training.solvers.training_file import read_training_file


def write_databases(net: FaceNet, folder: Path) -> None:
    """Write the databases of a net with three pictures each; the second has no labels."""
    random = np.random.default_rng(0)
    shape = (len(net.picture.mean), net.picture.side, net.picture.side)
    with inside(folder):
        for part in ("train", "test"):
            with write_lmdb(f"{net.data}_{part}") as pictures, write_lmdb(f"{net.data}_{part}_labels") as labels:
                for i in range(3):
                    picture = random.integers(0, 256, shape, dtype=np.uint8)
                    pictures.put(b"%d" % i, array_to_datum(picture, 0).SerializeToString())
                    values = [-1.0 if i == 1 else 1.0] * len(net.losses)
                    datum = Datum(channels=len(values), height=1, width=1, float_data=values)
                    labels.put(b"%d" % i, datum.SerializeToString())
        write_mean(Path("data/soft/years.binaryproto"), np.eye(101, dtype=np.float32)[None])


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


def test_short_trainings_have_no_augmentation(tmp_path: Path) -> None:
    """Nor one that is left of a longer training in the same folder."""
    write_nets(["--out", str(tmp_path), "FaceRes", "BKNet"])
    assert read_training_file(tmp_path / "BKNet/training.json").augment
    write_nets(["--out", str(tmp_path), "--short", "FaceRes", "BKNet"])
    for name in ("FaceRes", "BKNet"):
        assert read_training_file(tmp_path / name / "training.json").augment is None
        assert read_training_file(tmp_path / name / "finetune_training.json").augment is None
    assert read_training_file(tmp_path / "FaceRes/training.json").average


def test_our_schedule_takes_the_place_of_published_ones_of_50000_iterations(tmp_path: Path) -> None:
    """A thousandth of those learns next to nothing after its first fifth. Other nets, and the committed files, keep theirs."""
    names = ("LMTCNN-2-1", "LeviHassnerAge", "LeviHassnerGender", "WideResNet-16-8", "FaceRes")
    write_nets(["--out", str(tmp_path), "--our_schedule", *names])
    for name, rate in zip(names, (0.02, 0.004, 0.004, None, None), strict=True):
        solver, published = (read_solver(folder / name / "solver.prototxt") for folder in (tmp_path, ROOT / "prototxt"))
        if rate is None:
            assert solver == published
            continue
        assert (published.lr_policy, published.stepsize) == ("step", 10_000)
        assert (solver.lr_policy, solver.base_lr) == ("poly", pytest.approx(rate))
        assert not solver.HasField("stepsize")
        assert solver.max_iter == published.max_iter
        schedule = read_training_file(tmp_path / name / "training.json").schedule
        assert schedule is not None
        assert (schedule.warm_up, schedule.policy) == (0.15, "cosine")
        assert not (ROOT / "prototxt" / name / "training.json").exists()


def test_four_snapshots_in_a_training() -> None:
    """A recipe that was stopped loses a quarter of its longest training at most."""
    for name, net in NETS.items():
        solver = read_solver(ROOT / "prototxt" / name / "solver.prototxt")
        assert 0 < solver.snapshot <= net.iterations // 4


def test_processes_divide_the_batches_of_training(tmp_path: Path) -> None:
    """Those of a test stay: one process tests."""
    for workers, batch in ((1, 64), (2, 32)):
        write_nets(["--out", str(tmp_path), "--workers", str(workers), "FaceRes"])
        net = read_net(tmp_path / "FaceRes/train_test.prototxt")
        sizes = {(layer.include[0].phase, layer.data_param.batch_size) for layer in net.layer if layer.type == "Data"}
        assert sizes == {(TRAIN, batch), (TEST, 50)}
    with pytest.raises(UsageError, match="--workers 3: expected a divisor of the 64 pictures of FaceRes's batch"):
        write_nets(["--out", str(tmp_path), "--workers", "3", "FaceRes"])


def test_cards_say_how_the_faces_were_cut(tmp_path: Path) -> None:
    """Adience's crops are wider than UTKFace's. A recipe may train a net for Adience on UTKFace."""
    cuts = {name: (net.cut.crop_margin, net.cut.eye_level) for name, net in NETS.items()}
    assert cuts["FaceResAdience"] == cuts["LeviHassnerAge"] == cuts["LMTCNN-2-1"] == (0.4, 0.34)
    assert cuts["FaceRes"] == cuts["ResNet18"] == (0.0, 0.29)
    write_nets(["--out", str(tmp_path), "--cut", "utkface", "FaceResAdience"])
    card = read_net_card(tmp_path / "FaceResAdience/card.json")
    assert (card.crop_margin, card.eye_level) == (0.0, 0.29)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_both_phases_run(net: FaceNet, tmp_path: Path) -> None:
    write_databases(net, tmp_path)
    param = with_batches(train_test(net), 3)
    with inside(tmp_path):
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


def test_the_schedules_fit_their_iterations() -> None:
    """That of training goes on in finetune_solver, which has fewer."""
    quarters = read_solver(ROOT / "prototxt/WideResNet-16-8/solver.prototxt")
    assert [4 * value / quarters.max_iter for value in quarters.stepvalue] == [1, 2, 3]
    for name in ("WideResNet-16-8", "LeviHassnerAge"):
        whole, short = (
            read_solver(ROOT / f"prototxt/{name}/{kind}.prototxt") for kind in ("solver", "finetune_solver")
        )
        factor = short.max_iter / whole.max_iter
        assert [*short.stepvalue, short.stepsize] == [value * factor for value in (*whole.stepvalue, whole.stepsize)]
        assert short.snapshot <= short.max_iter
        assert short.test_interval <= short.max_iter


@pytest.mark.parametrize(
    ("name", "blob", "shape"),
    [
        # With Caffe's pooling, which takes a window that does not fit.
        ("LeviHassnerAge", "pool5", (1, 384, 7, 7)),
        ("LMTCNN-1-1", "block1_pixels", (1, 256, 28, 28)),
        ("LMTCNN-2-1", "block1_pixels", (1, 512, 28, 28)),
        ("LMTCNN-2-1", "pool2", (1, 384, 7, 7)),
        ("WideResNet-16-8", "stage1_2", (1, 128, 64, 64)),
        ("WideResNet-16-4", "activated", (1, 256, 16, 16)),
    ],
)
def test_the_maps_have_the_sizes_of_the_papers(name: str, blob: str, shape: tuple[int, ...]) -> None:
    assert Net(deploy(NETS[name]), TEST).shapes[blob] == shape


@pytest.mark.parametrize("name", ["FaceRes", "FaceResSmile", "FaceResAdience"])
def test_our_own_nets_are_small(name: str) -> None:
    made = Net(deploy(NETS[name]), TEST)
    # A BatchNorm's own three blobs hold statistics.
    learnt = sum(parameter.values.numel() for parameter in made.parameters if "_bn" not in parameter.layer)
    assert 300_000 < learnt < 1_000_000


def test_absent_labels_give_no_loss_and_no_gradient(tmp_path: Path) -> None:
    """Records 0, 1, 2, 0, 1, ...: a third of each batch is absent, and its loss would be that of label -1."""
    net = NETS["FaceRes"]
    write_databases(net, tmp_path)
    with inside(tmp_path):
        made = Net(train_test(net), TRAIN, seed=1)
        made.forward()
        scores = made.blobs["gender_scores"].detach()
        made.close()
    known = [i for i in range(BATCH) if i % 3 != 1]
    expected = -scores.log_softmax(1)[known, 1].mean()
    assert float(made.blobs["gender_loss"].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_the_statistics_follow_the_weights_in_few_iterations(tmp_path: Path) -> None:
    """With Caffe's moving average of 1,000 iterations, answers after a short training are those of weights long gone."""
    write_databases(NETS["FaceResAdience"], tmp_path)
    param = with_batches(train_test(NETS["FaceResAdience"]), 3)
    for layer in param.layer:
        if layer.type == "Data":
            layer.transform_param.mirror = False
    with inside(tmp_path):
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
