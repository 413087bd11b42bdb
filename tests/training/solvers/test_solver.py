"""Trainings against Caffe's rule computed by numpy, and the iterations at which a solver tests, displays and snapshots."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_solverstate, read_weights
from kits.training import small_solver
from kits.training_commands import command
from training.errors import TrainingError
from training.nets.net import Net
from training.solvers.solver import Solver

LINEAR_NET = """
layer {{ name: "data" type: "Data" top: "data" top: "label" transform_param {{ mean_value: 128 scale: 0.01 }}
  data_param {{ source: "{source}" backend: LMDB batch_size: 4 }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" {params}
  inner_product_param {{ num_output: 3
    weight_filler {{ type: "gaussian" std: 0.5 }} bias_filler {{ type: "constant" value: 0.1 }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
"""


def linear_solver(folder: Path, text: str, params: str = "") -> Solver:
    """Make a solver of one InnerProduct over pictures of 2 x 2 pixels; 10 records, so that batches of 4 wrap around."""
    random = np.random.default_rng(0)
    with write_lmdb(folder / "db") as database:
        for index in range(10):
            picture = random.integers(0, 256, (3, 2, 2), dtype=np.uint8)
            database.put(b"%02d" % index, array_to_datum(picture, index % 3).SerializeToString())
    (folder / "net.prototxt").write_text(LINEAR_NET.format(source=folder / "db", params=params))
    (folder / "solver.prototxt").write_text(f'net: "{folder}/net.prototxt" random_seed: 1 {text}')
    return Solver(read_solver(folder / "solver.prototxt"))


def by_numpy(  # type: ignore[no-untyped-def]
    weights, bias, rates, momentum=0.0, decay=0.0, lr_mult=(1, 1), decay_mult=(1, 1), iter_size=1, clip=-1.0, l1=False
):
    """Train that net in double precision as Caffe does.

    Gradients are summed over iter_size batches, clipped, divided, decayed, and added to the history times the rate. The
    history is subtracted from the weights.
    """
    random = np.random.default_rng(0)
    pictures = np.array([random.integers(0, 256, (3, 2, 2), dtype=np.uint8) for _ in range(10)], float)
    x = (pictures.reshape(10, 12) - 128) * 0.01
    blobs = [weights.astype(float), bias.astype(float)]
    histories = [np.zeros((3, 12)), np.zeros(3)]
    record = 0
    for rate in rates:
        gradients = [np.zeros((3, 12)), np.zeros(3)]
        for _ in range(iter_size):
            batch = [(record + i) % 10 for i in range(4)]
            record += 4
            powers = np.exp(x[batch] @ blobs[0].T + blobs[1])
            slopes = powers / powers.sum(1, keepdims=True)
            for row, index in enumerate(batch):
                slopes[row, index % 3] -= 1
            gradients[0] += slopes.T @ x[batch] / 4
            gradients[1] += slopes.sum(0) / 4
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        for i in range(2):
            g = gradients[i] * (clip / norm if 0 <= clip < norm else 1) / iter_size
            g = g + decay * decay_mult[i] * (np.sign(blobs[i]) if l1 else blobs[i])
            histories[i] = momentum * histories[i] + rate * lr_mult[i] * g
            blobs[i] = blobs[i] - histories[i]
    return blobs, histories


@pytest.mark.parametrize(
    ("text", "params", "settings"),
    [
        ('base_lr: 0.1 lr_policy: "fixed"', "", {"rates": [0.1] * 8}),
        (
            'base_lr: 0.1 lr_policy: "step" gamma: 0.1 stepsize: 3 momentum: 0.9 weight_decay: 0.05',
            "param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }",
            {
                "rates": [0.1] * 3 + [0.01] * 3 + [0.001] * 2,
                "momentum": 0.9, "decay": 0.05, "lr_mult": (1, 2), "decay_mult": (1, 0),
            },
        ),
        (
            'base_lr: 0.2 lr_policy: "inv" gamma: 0.5 power: 0.75 momentum: 0.5 iter_size: 3 clip_gradients: 0.3',
            "",
            {"rates": [0.2 * (1 + 0.5 * i) ** -0.75 for i in range(8)], "momentum": 0.5, "iter_size": 3, "clip": 0.3},
        ),
        (
            'base_lr: 0.1 lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 5 '
            'regularization_type: "L1" weight_decay: 0.01',
            "param { lr_mult: 0 } param { lr_mult: 10 }",
            {"rates": [0.1] * 2 + [0.05] * 3 + [0.025] * 3, "decay": 0.01, "l1": True, "lr_mult": (0, 10)},
        ),
    ],
)  # fmt: skip
def test_eight_iterations_end_where_numpy_does(tmp_path: Path, text: str, params: str, settings: dict) -> None:  # type: ignore[type-arg]
    solver = linear_solver(tmp_path, text, params)
    weights, bias = (blob.copy() for blob in solver.net.weights()["fc"])
    solver.step(8)
    solver.close()
    blobs, histories = by_numpy(weights, bias, **settings)
    found = solver.net.weights()["fc"]
    assert np.abs(blobs[1] - bias).max() > 0.01, "nothing was learned"
    for mine, theirs in zip(found, blobs, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6)
    for mine, theirs in zip(solver.histories, histories, strict=True):
        np.testing.assert_allclose(mine.cpu(), theirs, atol=2e-6)


def test_a_loss_that_depends_on_no_weight(tmp_path: Path) -> None:
    solver = linear_solver(tmp_path, 'base_lr: 0.1 lr_policy: "fixed"', "param { lr_mult: 0 } param { lr_mult: 0 }")
    with pytest.raises(TrainingError, match=r"net\.prototxt: no loss depends on a weight"):
        solver.step(1)
    solver.close()


def train(folder: Path, **settings: object) -> str:
    """Train with the small solver; return the log."""
    done = command("train", "--solver", small_solver(folder, **settings), "--force", folder=folder)
    assert done.code == 0, done.err
    return done.err


def iterations(log: str, pattern: str) -> list[int]:
    return [int(number) for number in re.findall(pattern, log)]


def snapshots(folder: Path) -> list[int]:
    return sorted(int(path.stem.rsplit("_", 1)[1]) for path in folder.glob("small_iter_*.caffemodel"))


TESTS = r"Iteration (\d+), Testing net \(#0\)"
SHOWN = r"Iteration (\d+), lr = "
LOSSES = r"Iteration (\d+)(?: \(\S+ iter/s, \S+s/\d+ iters\))?, loss = "


def test_intervals_that_divide_max_iter(tmp_path: Path) -> None:
    log = train(tmp_path)  # max_iter 12, test_interval 6, display 2, snapshot 4
    assert iterations(log, TESTS) == [0, 6, 12]
    assert iterations(log, SHOWN) == [0, 2, 4, 6, 8, 10]
    # The last one is after the last update.
    assert iterations(log, LOSSES) == [0, 2, 4, 6, 8, 10, 12]
    assert snapshots(tmp_path) == [4, 8, 12]
    rates = re.findall(r"lr = (\S+)", log)
    # gamma is 0.5, stepsize 6.
    assert rates == ["0.01", "0.01", "0.01", "0.005", "0.005", "0.005"]


def test_intervals_that_do_not_divide_max_iter(tmp_path: Path) -> None:
    log = train(tmp_path, max_iter=9, test_interval=4, display=2, snapshot=4, test_initialization=False)
    assert iterations(log, TESTS) == [4, 8]
    assert iterations(log, SHOWN) == [0, 2, 4, 6, 8]
    assert iterations(log, LOSSES) == [0, 2, 4, 6, 8]
    # The last one is written after the training.
    assert snapshots(tmp_path) == [4, 8, 9]


@pytest.mark.parametrize(
    ("settings", "expected"), [({"snapshot": 0}, [3]), ({"snapshot": 2, "snapshot_after_train": False}, [2])]
)
def test_snapshots(tmp_path: Path, settings: dict[str, object], expected: list[int]) -> None:
    train(tmp_path, max_iter=3, display=0, test_interval=100, **settings)
    assert snapshots(tmp_path) == expected


def test_average_loss_is_the_mean_of_the_last_ones(tmp_path: Path) -> None:
    single = train(tmp_path, max_iter=6, display=1, average_loss=1)
    smooth = train(tmp_path, max_iter=6, display=1, average_loss=3)
    each, shown = ([float(x) for x in re.findall(r"iters\), loss = (\S+)", log)] for log in (single, smooth))
    assert len(each) == 6
    means = [np.mean(each[max(0, i - 2) : i + 1]) for i in range(6)]
    np.testing.assert_allclose(shown, means, rtol=1e-4)


def test_test_outputs_are_means_over_test_iter_batches(tmp_path: Path) -> None:
    log = train(tmp_path, max_iter=4, test_interval=4, test_iter=2, snapshot=4)
    shown = [float(x) for x in re.findall(r"Test net output #\d: (?:accuracy|loss) = (\S+)", log)]
    net = Net(read_net(tmp_path / "net.prototxt"), TEST)
    net.load(tmp_path / "small_iter_4.caffemodel")
    values = []
    # The first two batches were those of the test at iteration 0, with other weights. The next two count here.
    for _ in range(4):
        net.forward()
        values.append([net.blobs["accuracy"].item(), net.blobs["loss"].item()])
    net.close()
    np.testing.assert_allclose(shown[2:], np.mean(values[2:], 0), rtol=1e-4)


def test_a_resumed_run_ends_with_the_very_bits_of_an_uninterrupted_one(tmp_path: Path) -> None:
    """With dropout, random crops and mirroring, momentum, and a change of the rate in between."""
    (tmp_path / "uninterrupted").mkdir()
    train(tmp_path / "uninterrupted")
    (tmp_path / "resumed").mkdir()
    solver = small_solver(tmp_path / "resumed", max_iter=8)
    assert command("train", "--solver", solver, folder=tmp_path).code == 0
    solver = small_solver(tmp_path / "resumed", max_iter=12)
    done = command(
        "train", "--solver", solver, "--snapshot", tmp_path / "resumed/small_iter_8.solverstate", folder=tmp_path
    )
    assert done.code == 0, done.err
    weights, states = (
        [read(tmp_path / f"{which}/small_iter_12.{kind}") for which in ("uninterrupted", "resumed")]
        for read, kind in ((read_weights, "caffemodel"), (read_solverstate, "solverstate"))
    )
    assert set(weights[0]) == set(weights[1]) == {"conv1", "fc", "fc8"}
    for layer, blobs in weights[0].items():
        for one, other in zip(blobs, weights[1][layer], strict=True):
            assert one.tobytes() == other.tobytes(), layer
    assert [h.data for h in states[0].history] == [h.data for h in states[1].history]
    first = read_weights(tmp_path / "resumed/small_iter_8.caffemodel")
    assert any(
        one.tobytes() != other.tobytes()
        for layer in first
        for one, other in zip(first[layer], weights[0][layer], strict=True)
    )


def test_another_seed_ends_with_other_weights(tmp_path: Path) -> None:
    """The test above could not fail if nothing were random."""
    ends = []
    for dropout, seed in ((0.5, 3), (0.5, 4), (0.2, 3)):
        folder = tmp_path / f"{dropout}_{seed}"
        folder.mkdir()
        solver = small_solver(folder, max_iter=2, display=0, test_interval=100, random_seed=seed)
        net = folder / "net.prototxt"
        net.write_text(
            net.read_text().replace('type: "Dropout"', f'type: "Dropout" dropout_param {{ dropout_ratio: {dropout} }}')
        )
        assert command("train", "--solver", solver, folder=folder).code == 0
        ends.append(read_weights(folder / "small_iter_2.caffemodel")["fc"][0].tobytes())
    assert len(set(ends)) == 3
