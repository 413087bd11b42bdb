"""The matrix that build_dataset --balance weights writes, in Caffe 1.0 and here: the layer of docs/data_sets.md word for word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_solver
from caffe_io.weights import read_weights
from common.places import ROOT
from kits.commands import inside
from kits.lmdb_build import records, verb, write_faces
from kits.oracle import ONE_THREAD, run_caffe
from kits.oracle_layers import Judge, compare
from kits.training import write_solver

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]

PEOPLE = [(age, number % 2) for number, age in enumerate([3] * 25 + [15] * 2 + [25] * 12 + [34] * 6 + [66] * 3)]
NET = """
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { mean_value: 128 scale: 0.0078125 }
  data_param { source: "data/age_lmdb" backend: LMDB batch_size: 8 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 5 stride: 2 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc8" type: "InnerProduct" bottom: "conv" top: "fc8"
  inner_product_param { num_output: 9 weight_filler { type: "xavier" } } }
"""


def layer() -> str:
    """Return the page's layer."""
    page = (ROOT / "docs/data_sets.md").read_text("utf-8")
    found = re.search(r"\n    layer \{\n.*?InfogainLoss.*?\n    \}\n", page, re.DOTALL)
    assert found
    return found[0]


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """A folder with a data set of few old people, divided, and the database of its training part."""
    write_faces(tmp_path / "faces", PEOPLE)
    with inside(tmp_path):
        verb("build_dataset")(["--images", "faces", "--balance", "weights"])
        size = ["--resize_height", "20", "--resize_width", "20", "--shuffle"]
        verb("convert_imageset")([*size, "./", "data/DEF/age_train.txt", "data/age_lmdb"])
    (tmp_path / "net.prototxt").write_text(NET + layer())
    return tmp_path


def weights(folder: Path) -> np.ndarray:
    """Return the weight of each class by the counts of the list."""
    lines = (folder / "data/DEF/age_train.txt").read_text().splitlines()
    counts = np.bincount([int(line.split()[-1]) for line in lines], minlength=9)
    return np.divide(counts.sum() / (counts > 0).sum(), counts, out=np.zeros(9), where=counts > 0)


def test_the_same_losses_iteration_by_iteration(divided: Path, record_property: Callable[[str, str], None]) -> None:
    """20 iterations, from the same weights. Caffe takes the matrix as it was written."""
    from training.solvers.snapshot import save_weights
    from training.solvers.solver import Solver

    with inside(divided):
        for name in ("ours", "caffes"):
            write_solver(
                Path(f"{name}.prototxt"), net="net.prototxt", snapshot_prefix=name, base_lr=0.01, lr_policy="fixed",
                momentum=0.9, weight_decay=0.0005, max_iter=20, display=1, random_seed=1, snapshot=0,
            )  # fmt: skip
        lines: list[str] = []
        solver = Solver(read_solver("ours.prototxt"), log=lines.append)
        save_weights(solver.net, "start.caffemodel")
        solver.solve()
    log = run_caffe(
        "caffe", "train", "--solver=caffes.prototxt", "--weights=start.caffemodel", folder=divided, **ONE_THREAD
    )
    pattern = r"Train net output #\d+: loss = (\S+)"
    ours, theirs = (np.array(re.findall(pattern, text), float) for text in ("\n".join(lines), log))
    assert len(ours) == len(theirs) == 20
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    mine, his = (read_weights(divided / f"{name}_iter_20.caffemodel") for name in ("ours", "caffes"))
    for name, blobs in his.items():
        for one, other in zip(mine[name], blobs, strict=True):
            assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max(), name
    record_property("seen", f"largest difference of a loss {np.abs(ours - theirs).max():.0e}")


def test_the_loss_is_the_weighted_cross_entropy(divided: Path, judge: Judge) -> None:
    """Of Caffe, of ours and by the formula: the mean of the weight of the true class times -log of its probability."""
    labels = np.float32([datum.label for _, datum in records(divided / "data/age_lmdb")])
    scores = np.random.default_rng(0).standard_normal((len(labels), 9)).astype(np.float32)
    text = layer().replace("data/DEF", f"{divided}/data/DEF")
    ours = compare(judge, text, {"fc8": scores, "label": labels}, still=["label"])
    log = scores - np.log(np.exp(scores.astype(np.float64)).sum(1, keepdims=True))
    expected = weights(divided)[labels.astype(int)] * -log[np.arange(len(labels)), labels.astype(int)]
    assert float(ours.data["loss"]) == pytest.approx(expected.mean(), rel=1e-5)
    assert abs(expected.mean() - -log[np.arange(len(labels)), labels.astype(int)].mean()) > 0.01, "no weights at work"
    said = json.loads((divided / "data/DEF/report.json").read_text())["class_weights"]["age"]
    np.testing.assert_allclose(list(said.values()), weights(divided))
