"""Nets of several tasks with absent labels, and ages as distributions, against Caffe 1.0: docs/several_tasks.md word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import BlobProto
from caffe_io.prototxt import read_solver
from caffe_io.weights import read_weights
from kits.commands import inside
from kits.lmdb_build import records, verb
from kits.oracle import ONE_THREAD, run_caffe
from kits.oracle_layers import Judge, compare
from kits.several_tasks import INFOGAIN, PEAKS, SIGMOID, follow, net_blocks
from lmdb_build.labels.soft_labels import targets_and_gains

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]


def train_both(folder: Path) -> tuple[str, str]:
    """Train with both from the same weights; return the logs. Leaves several_iter_12.caffemodel and caffes_iter_12.caffemodel."""
    from training.solvers.snapshot import save_weights
    from training.solvers.solver import Solver

    with inside(folder):
        text = Path("solver.prototxt").read_text()
        Path("caffes.prototxt").write_text(text.replace('"several"', '"caffes"'))
        lines: list[str] = []
        solver = Solver(read_solver("solver.prototxt"), log=lines.append)
        save_weights(solver.net, "start.caffemodel")
        solver.solve()
        words = ["train", "--solver=caffes.prototxt", "--weights=start.caffemodel"]
        return "\n".join(lines), run_caffe("caffe", *words, folder=folder, **ONE_THREAD)


@pytest.mark.parametrize("years", [INFOGAIN, PEAKS, SIGMOID], ids=["infogain", "peaks", "sigmoid"])
def test_the_same_losses_iteration_by_iteration(
    tmp_path: Path, years: int, record_property: Callable[[str, str], None]
) -> None:
    """12 iterations and 3 tests. Absent labels are in every batch, and some batches hold none of smile's."""
    follow(tmp_path, years)
    logs = train_both(tmp_path)
    off = []
    accuracies = ["smile_accuracy", "gender_accuracy"] + ["years_accuracy"] * (years == INFOGAIN)
    for part, names, count in (("Train", [], 12), ("Test", accuracies, 3)):
        for name in ["smile_loss", "gender_loss", "years_loss", *names]:
            pattern = rf"{part} net output #\d+: {name} = (\S+)"
            ours, theirs = (np.array(re.findall(pattern, log), float) for log in logs)
            assert len(ours) == len(theirs) == count, name
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, err_msg=name)
            off.append(np.abs(ours - theirs).max())
    mine, his, first = (
        read_weights(tmp_path / f"{name}.caffemodel") for name in ("several_iter_12", "caffes_iter_12", "start")
    )
    assert set(mine) == set(his)
    for layer, blobs in his.items():
        for one, other, before in zip(mine[layer], blobs, first[layer], strict=True):
            assert np.abs(other - before).max() > 0, f"{layer} did not learn"
            assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max(), layer
    record_property("seen", f"largest difference of a loss {max(off):.0e}")


def test_caffe_s_own_program_reads_the_label_database(tmp_path: Path) -> None:
    """compute_image_mean goes through every record: its mean of the labels is that of the tables."""
    follow(tmp_path, INFOGAIN)
    run_caffe("compute_image_mean", "data/lmdb/train_labels_lmdb", "mean.binaryproto", folder=tmp_path, **ONE_THREAD)
    mean = blob_to_array(BlobProto.FromString((tmp_path / "mean.binaryproto").read_bytes())).ravel()
    labels = np.array([datum.float_data for _, datum in records(tmp_path / "data/lmdb/train_labels_lmdb")])
    assert labels.shape == (12 * 10 + 30, 3)
    np.testing.assert_allclose(mean, labels.mean(0), rtol=1e-5)


def test_infogain_loss_is_the_divergence_and_a_constant(judge: Judge, tmp_path: Path) -> None:
    """Loss and gradient of Caffe's and our InfogainLoss; torch and scipy say what they should be."""
    path = tmp_path / "h.binaryproto"
    verb("soft_labels")(["--bins", "0:100", "--sigma", "2.5", path])
    rows = blob_to_array(BlobProto.FromString(path.read_bytes()))[0, 0]
    labels = np.float32([0, 3, 50, -1, 99, 100, 34])
    scores = 3 * np.random.default_rng(0).standard_normal((7, 101)).astype(np.float32)
    text = (
        'layer { name: "it" type: "InfogainLoss" bottom: "x" bottom: "y" top: "loss" '
        f'infogain_loss_param {{ source: "{path}" }} loss_param {{ ignore_label: -1 }} }}'
    )
    ours = compare(judge, text, {"x": scores, "y": labels}, still=["y"])
    wanted = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    there = labels >= 0
    chosen = torch.tensor(rows[labels[there].astype(int)], dtype=torch.float64)
    divergence = torch.nn.functional.kl_div(wanted[there].log_softmax(1), chosen, reduction="batchmean")
    divergence.backward()
    constant = entropy(chosen.numpy(), axis=1).mean()
    assert float(ours.data["loss"]) == pytest.approx(divergence.item() + constant, rel=1e-5)
    assert constant > 1, "or the comparison would say little"
    np.testing.assert_allclose(ours.diff["x"], wanted.grad, atol=1e-6)


@pytest.mark.parametrize("kind", ["Softmax", "Sigmoid"])
def test_peaks_are_a_weighted_cross_entropy_in_each_bin(judge: Judge, kind: str) -> None:
    """The page's layers in Caffe and here, with the rows of FILE.h5; torch's binary_cross_entropy says what is right."""
    weights = 1 + np.arange(60) % 5 / 2
    targets, gains = targets_and_gains(np.arange(1.0, 61), 2.5, weights)
    labels = np.float32([0, 1, 34, 60, 90, 121])
    random = np.random.default_rng(0)
    # Small, so that the shift of the page's Log, which is 1e-7, does not show beside the probabilities.
    fc, fcs_weights = (random.normal(0, 0.5, shape).astype(np.float32) for shape in ((6, 8), (60, 8)))
    block = net_blocks()[3 + PEAKS]
    layers = block[block.index('layer { name: "rows"') :].replace('type: "Softmax"', f'type: "{kind}"')
    data = {"peaks_gains": gains, "years": labels.reshape(6, 1, 1, 1), "fc": fc}
    given = {("years_scores", 0): fcs_weights}
    ours = compare(judge, layers, data, weights=given, force=False, note="BatchReindex")
    wanted = torch.tensor(fcs_weights, dtype=torch.float64, requires_grad=True)
    scores = torch.tensor(fc, dtype=torch.float64) @ wanted.T + torch.tensor(ours.weights["years_scores", 1])
    probabilities = scores.softmax(1) if kind == "Softmax" else scores.sigmoid()
    chosen = torch.tensor(targets[labels.astype(int)], dtype=torch.float64)
    there = labels != 121
    loss = torch.nn.functional.binary_cross_entropy(
        probabilities[there], chosen[there], weight=torch.tensor(weights), reduction="sum"
    )
    loss = loss / chosen.numel()
    loss.backward()
    assert float(ours.data["years_loss"]) == pytest.approx(loss.item(), rel=1e-4)
    found = ours.weight_diffs["years_scores", 0]
    np.testing.assert_allclose(found, wanted.grad, atol=1e-4 * float(wanted.grad.abs().max()))
