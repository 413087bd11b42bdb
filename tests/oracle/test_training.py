"""Our training and testing of AgeNet against Caffe 1.0 from the tool chain."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_solverstate, read_weights
from common.places import ROOT
from kits.commands import inside
from kits.oracle import run_caffe
from kits.training import age_net, make_lmdb, make_mean

pytestmark = [pytest.mark.oracle, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make databases of 100 and 60 pictures, a mean, AgeNet without dropout at batch 10, and its solver for 20 iterations.

    The rate is a tenth of the stock one, and no bias starts at 0. At the stock rate, 20 iterations make the rounding of float32
    visible: Caffe then differs by 3e-4 from the same run in double precision, and by 1e-4 from itself with another BLAS kernel.
    `test_first_step_at_the_stock_rate` compares one step at the stock rate.
    """
    folder = tmp_path_factory.mktemp("agenet")
    make_lmdb(folder / "data/lmdb/age_train_lmdb", 100, 227, 9, seed=1)
    make_lmdb(folder / "data/lmdb/age_test_lmdb", 60, 227, 9, seed=2)
    make_mean(folder / "data/mean/mean.binaryproto", 227)
    net = age_net(folder, batch_size=10, dropout=0)
    net.write_text(net.read_text().replace('type: "constant" value: 0', 'type: "constant" value: 0.1'))
    solver = (ROOT / "prototxt/AgeNet/solver.prototxt").read_text()
    for old, new in {
        r"net: .*": 'net: "AgeNet_train_test.prototxt"',
        r"base_lr: .*": "base_lr: 0.0001",
        r"max_iter: .*": "max_iter: 20",
        r"stepsize: .*": "stepsize: 10",
        r"test_iter: .*": "test_iter: 6",
        r"test_interval: .*": "test_interval: 20",
        r"display: .*": "display: 1",
        r"snapshot: .*": "snapshot: 0",
        r"snapshot_prefix: .*": 'snapshot_prefix: "ours"',
    }.items():
        solver = re.sub(rf"(?m)^{old}$", new, solver)
    (folder / "solver.prototxt").write_text(solver)
    (folder / "caffe_solver.prototxt").write_text(solver.replace('"ours"', '"caffes"'))
    return folder


@pytest.fixture(scope="module")
def logs(folder: Path) -> tuple[str, str]:
    """Train 20 iterations with both from the same weights and histories; return the logs. Leaves {ours,caffes}_iter_20.*"""
    from training.solvers.snapshot import write_snapshot
    from training.solvers.solver import Solver

    with inside(folder):
        lines: list[str] = []
        solver = Solver(read_solver("solver.prototxt"), log=lines.append)
        write_snapshot(solver.net, solver.histories, "start", 0, 0)
        solver.step(20)
        solver.snapshot()
        solver.test_all()
        solver.close()
    words = ["train", "--solver=caffe_solver.prototxt", "--weights=start_iter_0.caffemodel"]
    return "\n".join(lines), run_caffe("caffe", *words, folder=folder)


def losses(log: str) -> np.ndarray:
    """Return the losses of single iterations, from the lines about the train net's output."""
    return np.array([float(x) for x in re.findall(r"Train net output #\d+: loss = (\S+)", log)])


def test_twenty_iterations_end_at_the_same_weights(
    folder: Path, logs: tuple[str, str], record_property: Callable[[str, str], None]
) -> None:
    ours, theirs = (read_weights(folder / f"{who}_iter_20.caffemodel") for who in ("ours", "caffes"))
    start = read_weights(folder / "start_iter_0.caffemodel")
    assert set(ours) == set(theirs)
    differences = []
    for layer, blobs in theirs.items():
        for mine, his, first in zip(ours[layer], blobs, start[layer], strict=True):
            assert np.abs(his - first).max() > 0, f"{layer} did not learn"
            differences.append(np.abs(mine - his).max() / np.abs(his).max())
            assert differences[-1] <= 1e-4, layer
    record_property("seen", f"largest relative difference {max(differences):.0e}")


def test_first_step_at_the_stock_rate(folder: Path, logs: tuple[str, str]) -> None:
    """Compare each weight's step, rate times gradient, after one iteration at AgeNet's own base_lr.

    In a pooling layer, rounding may choose the other of two equal maxima. One such window in 500,000 changes the gradient of
    the layers before it by 2e-3 of its norm. Before pool5, which is after conv3, that is one filter of conv3.
    """
    from training.solvers.solver import Solver

    text = (folder / "caffe_solver.prototxt").read_text().replace("max_iter: 20", "max_iter: 1")
    (folder / "first.prototxt").write_text(
        text.replace("base_lr: 0.0001", "base_lr: 0.001").replace('"caffes"', '"first"')
    )
    run_caffe("caffe", "train", "--solver=first.prototxt", "--weights=start_iter_0.caffemodel", folder=folder)
    theirs = read_solverstate(folder / "first_iter_1.solverstate").history
    with inside(folder):
        solver = Solver(read_solver("first.prototxt"))
        solver.net.load("start_iter_0.caffemodel")
        solver.step(1)
        solver.close()
    for parameter, mine, his in zip(solver.net.parameters, solver.histories, theirs, strict=True):
        difference = np.linalg.norm(mine.numpy().ravel() - np.array(his.data))
        tolerance = 5e-3 if parameter.layer in ("conv1", "conv2", "conv3") else 1e-5
        assert difference <= tolerance * np.linalg.norm(his.data), (parameter.layer, parameter.index)


def test_histories_agree(folder: Path, logs: tuple[str, str]) -> None:
    ours, theirs = (read_solverstate(folder / f"{who}_iter_20.solverstate") for who in ("ours", "caffes"))
    assert ours.iter == theirs.iter == 20
    assert ours.current_step == theirs.current_step
    for mine, his in zip(ours.history, theirs.history, strict=True):
        scale = np.abs(his.data).max()
        # The histories are the steps themselves, so a window that chose the other maximum has its full effect.
        assert np.abs(np.array(mine.data) - np.array(his.data)).max() <= 1e-2 * scale
        assert list(mine.shape.dim) == list(his.shape.dim)


def test_losses_and_log_lines_agree(logs: tuple[str, str], record_property: Callable[[str, str], None]) -> None:
    ours, theirs = logs
    assert len(losses(ours)) == len(losses(theirs)[:20]) == 20
    np.testing.assert_allclose(losses(ours), losses(theirs)[:20], atol=1e-4)
    record_property("seen", f"largest difference of a loss {np.abs(losses(ours) - losses(theirs)[:20]).max():.0e}")
    pattern = r"(?:Iteration \d+, lr = \S+|Iteration \d+, Testing net.*)"
    assert re.findall(pattern, ours) == re.findall(pattern, theirs)


def test_accuracy_is_what_caffe_test_finds(
    folder: Path, logs: tuple[str, str], record_property: Callable[[str, str], None]
) -> None:
    from evaluation.classifier import read_classifier, read_outputs
    from evaluation.engines import ENGINES
    from evaluation.figures.metrics import correct
    from evaluation.predictions import Predictions

    model, weights = Path("AgeNet_train_test.prototxt"), Path("caffes_iter_20.caffemodel")
    log = run_caffe("caffe", "test", f"-model={model}", f"-weights={weights}", "-iterations=6", folder=folder)
    means = dict(re.findall(r"\] (accuracy|loss) = ([\d.]+)", log))
    from caffe_io.caffe_pb2 import TEST
    from caffe_io.net_state import filter_net

    with inside(folder):
        (answer,) = read_outputs(ROOT / "prototxt/AgeNet/card.json")
        classifier = read_classifier(filter_net(read_net(model), TEST), str(model), [answer])
        by_engine = {}
        for engine in ("torch", "caffe"):
            ((probabilities, labels),) = ENGINES[engine](classifier, model, weights, Path("none"))
            by_engine[engine] = Predictions(
                classifier.keys, labels.astype(np.int64), probabilities, answer.classes, answer.task
            )
    ours, theirs = by_engine["torch"], by_engine["caffe"]
    assert correct(ours) == round(float(means["accuracy"]) * 60)
    assert correct(ours) == correct(theirs)
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)
    loss = -np.log(ours.probabilities[np.arange(60), ours.labels]).mean()
    assert abs(loss - float(means["loss"])) <= 1e-4
    record_property(
        "seen", f"{correct(ours)} of 60 right by both; losses differ by {abs(loss - float(means['loss'])):.0e}"
    )


def test_caffe_resumes_our_snapshot_and_we_resume_its(folder: Path, logs: tuple[str, str]) -> None:
    from training.solvers.solver import Solver

    longer = (folder / "caffe_solver.prototxt").read_text().replace("max_iter: 20", "max_iter: 22")
    (folder / "resume.prototxt").write_text(longer.replace('"caffes"', '"resumed"'))
    run_caffe("caffe", "train", "--solver=resume.prototxt", "--snapshot=ours_iter_20.solverstate", folder=folder)
    with inside(folder):
        solver = Solver(read_solver("resume.prototxt"))
        solver.restore("caffes_iter_20.solverstate")
        # Caffe starts again at the first record.
        solver.net.seek(0)
        solver.step(2)
        solver.close()
    theirs = read_weights(folder / "resumed_iter_22.caffemodel")
    for layer, blobs in solver.net.weights().items():
        for mine, his in zip(blobs, theirs[layer], strict=True):
            assert np.abs(mine - his).max() <= 1e-4 * np.abs(his).max(), layer
