"""Our solvers against those of Caffe 1.0 from the tool chain: the same steps, histories, rates and files.

The net has no maximum in it, because there rounding decides between near-equal numbers (see test_training.py). An epoch has
five batches, so that every snapshot here is at the first record, where Caffe always starts when it resumes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from caffe_io.blobs import blob_to_array
from caffe_io.prototxt import read_binary_net, read_solver
from caffe_io.weights import read_solverstate, read_weights
from kits.commands import inside
from kits.oracle import ONE_THREAD, run_caffe
from kits.training import make_lmdb, write_solver

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("one_thread")]

NET = """name: "Smooth"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { mean_value: 120 scale: 0.01 }
  data_param { source: "records" backend: LMDB batch_size: 8 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 6 kernel_size: 3 stride: 2 weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: 0.1 } } }
layer { name: "tanh" type: "TanH" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "fixed" type: "InnerProduct" bottom: "pool" top: "fixed" param { lr_mult: 0 }
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "fixed" top: "fixed" }
layer { name: "fc" type: "InnerProduct" bottom: "fixed" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""

FIXED = 'lr_policy: "fixed" weight_decay: 0.005 '
SOLVERS = {
    "SGD": FIXED + "base_lr: 0.05 momentum: 0.9",
    "Nesterov": FIXED + "base_lr: 0.05 momentum: 0.9",
    "AdaGrad": FIXED + "base_lr: 0.02",
    "RMSProp": FIXED + "base_lr: 0.002 rms_decay: 0.9 delta: 1e-3",
    "AdaDelta": FIXED + "base_lr: 1 momentum: 0.95 delta: 1e-5",
    "Adam": FIXED + "base_lr: 0.002 momentum: 0.9 momentum2: 0.99 delta: 1e-3",
}
SGD = 'type: "SGD" base_lr: 0.05 momentum: 0.9 weight_decay: 0.005 '
SETTINGS = {
    "iter_size": SGD + 'lr_policy: "fixed" iter_size: 3',
    "clip_gradients": SGD + 'lr_policy: "fixed" clip_gradients: 0.3',
    "iter_size with clip_gradients": SGD + 'lr_policy: "fixed" iter_size: 2 clip_gradients: 0.4',
    "L1": SGD + 'lr_policy: "fixed" regularization_type: "L1"',
    "Adam with L1, clipped": FIXED + 'type: "Adam" base_lr: 0.002 momentum: 0.9 delta: 1e-3 '
    'regularization_type: "L1" clip_gradients: 0.3',
    "step": SGD + 'lr_policy: "step" gamma: 0.5 stepsize: 4',
    "exp": SGD + 'lr_policy: "exp" gamma: 0.9',
    "inv": SGD + 'lr_policy: "inv" gamma: 0.2 power: 0.75',
    "multistep": SGD + 'lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 3 stepvalue: 9 stepvalue: 40',
    "poly": SGD + 'lr_policy: "poly" power: 1.5',
    "sigmoid": SGD + 'lr_policy: "sigmoid" gamma: 0.3 stepsize: 8',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make 40 records of 3 classes, the net, and the weights from which every training starts."""
    from training.solvers.solver import Solver

    folder = tmp_path_factory.mktemp("solvers")
    make_lmdb(folder / "records", 40, 16, 3, seed=5)
    (folder / "net.prototxt").write_text(NET)
    with inside(folder):
        prepare("start", SGD + 'lr_policy: "fixed" random_seed: 7', 0)
        solver = Solver(read_solver("start.prototxt"))
        solver.snapshot()
        solver.close()
    return folder


def prepare(name: str, settings: str, max_iter: int, **more: object) -> str:
    """Write the solver `name` for the net, which displays every iteration; return its file's name."""
    values = {"net": "net.prototxt", "snapshot_prefix": name, "max_iter": max_iter, "display": 1, **more}
    return str(write_solver(Path(f"{name}.prototxt"), settings, **values))


def train_caffe(solver: str, *options: str) -> str:
    """Run `caffe train`; return its log."""
    return run_caffe("caffe", "train", f"--solver={solver}", *options, folder=Path(), **ONE_THREAD)


def train_ours(solver: str, weights: str = "", snapshot: str = "") -> list[str]:
    """Run our solver; return the lines of its log."""
    from training.solvers.solver import Solver

    param = read_solver(solver)
    param.weights.extend([weights] if weights else [])
    lines: list[str] = []
    trained = Solver(param, log=lines.append)
    if snapshot:
        trained.restore(snapshot)
    trained.step(param.max_iter - trained.iteration)
    if not param.snapshot or param.max_iter % param.snapshot:
        trained.snapshot()
    trained.close()
    return lines


def assert_same(ours: str, theirs: str, iteration: int, ending: str = "") -> None:
    """Assert that both snapshots of `iteration` hold the same weights and histories, to 1e-4 of each blob's largest number."""
    mine, his = (read_weights(f"{name}_iter_{iteration}.caffemodel{ending}") for name in (ours, theirs))
    start = read_weights("start_iter_0.caffemodel")
    assert set(mine) == set(his) == set(start)
    for layer, blobs in his.items():
        compare(mine[layer], blobs, layer)
    assert max(np.abs(his["conv"][0] - start["conv"][0]).max(), np.abs(his["fc"][0] - start["fc"][0]).max()) > 0.01
    np.testing.assert_array_equal(his["fixed"][0], start["fixed"][0])
    states = [read_solverstate(f"{name}_iter_{iteration}.solverstate{ending}") for name in (ours, theirs)]
    assert [state.iter for state in states] == [iteration] * 2
    assert states[0].current_step == states[1].current_step
    compare(*([blob_to_array(blob) for blob in state.history] for state in states), "history")


def compare(mine: Sequence[np.ndarray], his: Sequence[np.ndarray], what: str) -> None:
    assert [blob.shape for blob in mine] == [blob.shape for blob in his]
    for index, (ours, theirs) in enumerate(zip(mine, his, strict=True)):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max(), (what, index)


@pytest.mark.parametrize("ending", ["", ".h5"], ids=["binaryproto", "hdf5"])
@pytest.mark.parametrize("kind", SOLVERS)
def test_thirty_iterations_and_resuming_both_ways(folder: Path, kind: str, ending: str) -> None:
    """30 iterations from the same weights; then each resumes to 30 from the other's snapshot at 15."""
    settings = f'type: "{kind}" {SOLVERS[kind]} snapshot_format: {"HDF5" if ending else "BINARYPROTO"}'
    with inside(folder):
        train_caffe(prepare("caffes", settings, 30, snapshot=15), "--weights=start_iter_0.caffemodel")
        train_ours(prepare("ours", settings, 30, snapshot=15), weights="start_iter_0.caffemodel")
        assert_same("ours", "caffes", 15, ending)
        assert_same("ours", "caffes", 30, ending)
        state = f"_iter_15.solverstate{ending}"
        train_caffe(prepare("caffe_resumed", settings, 30), f"--snapshot=ours{state}")
        train_ours(prepare("we_resumed", settings, 30), snapshot=f"caffes{state}")
        assert_same("ours", "caffe_resumed", 30, ending)
        assert_same("we_resumed", "caffes", 30, ending)


@pytest.mark.parametrize(
    "settings",
    [*(f'type: "{kind}" {text}' for kind, text in SOLVERS.items()), SETTINGS["iter_size with clip_gradients"]],
)
def test_snapshot_diff(folder: Path, settings: str) -> None:
    """Each weight has its last step beside it, which is 0 if it does not learn."""
    settings += " snapshot_diff: true"
    with inside(folder):
        train_caffe(prepare("caffes", settings, 3), "--weights=start_iter_0.caffemodel")
        train_ours(prepare("ours", settings, 3), weights="start_iter_0.caffemodel")
        nets = [read_binary_net(f"{name}_iter_3.caffemodel") for name in ("ours", "caffes")]
    found = [{layer.name: [np.array(blob.diff) for blob in layer.blobs] for layer in net.layer} for net in nets]
    for layer, diffs in found[1].items():
        compare(found[0].get(layer, []), diffs, layer)
    assert not found[1]["fixed"][0].any()
    assert min(np.abs(diff).max() for diff in found[1]["conv"]) > 1e-5


def test_snapshot_diff_in_hdf5(tmp_path: Path) -> None:
    """The file has a second group, where each layer has the diffs of its shared weights."""
    fc = (
        'layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" param { name: "w" } param { %s } '
        'inner_product_param { num_output: 3 weight_filler { type: "constant" value: 0.1 } } }'
    )
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "in" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 2 dim: 3 } '
        'data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: -1 } } }'
        + fc % ("a", "x", "a", 'name: "b"') + fc % ("c", "y", "c", "lr_mult: 2")
        + 'layer { name: "l" type: "EuclideanLoss" bottom: "a" bottom: "c" top: "l" }'
        'layer { name: "m" type: "Power" bottom: "a" top: "m" power_param { power: 2 } loss_weight: 1 }'
    )  # fmt: skip
    settings = SGD + 'lr_policy: "fixed" snapshot_format: HDF5 snapshot_diff: true'
    with inside(tmp_path):
        train_caffe(prepare("caffes", settings, 2))
        train_ours(prepare("ours", settings, 2))
    found: list[dict[str, np.ndarray]] = []
    for name in ("ours", "caffes"):
        found.append({})
        with h5py.File(tmp_path / f"{name}_iter_2.caffemodel.h5") as file:
            file.visititems(lambda path, item: found[-1].update({path: item[()] if hasattr(item, "dtype") else None}))
    # Caffe writes an empty group for each of its split layers.
    assert found[0].keys() == {path for path in found[1] if not path.endswith("_split")}
    assert {"data/a/0", "diff/a/1", "diff/c/0", "diff/c/1", "diff/in"} <= found[0].keys()
    assert "data/c/0" not in found[0]
    for path, values in found[1].items():
        if values is not None:
            np.testing.assert_allclose(found[0][path], values, rtol=1e-4, atol=1e-6, err_msg=path)
            assert np.abs(values).max() > 1e-4
    assert read_weights(tmp_path / "ours_iter_2.caffemodel.h5").keys() == {"a", "c"}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(folder: Path, name: str) -> None:
    """15 iterations; the log shows the same rates, steps and clippings."""
    with inside(folder):
        caffes = train_caffe(prepare("caffes", SETTINGS[name], 15), "--weights=start_iter_0.caffemodel")
        ours = "\n".join(train_ours(prepare("ours", SETTINGS[name], 15), weights="start_iter_0.caffemodel"))
        assert_same("ours", "caffes", 15)
    for pattern in (r"Iteration \d+, lr = \S+", r"MultiStep Status.*"):
        assert re.findall(pattern, ours) == re.findall(pattern, caffes)
    for pattern in (r"\(L2 norm (\S+) >", r"by scale factor (\S+)", r"loss = (\S+)(?: \(|$)"):
        found = [np.array(re.findall(pattern, log, re.MULTILINE), float) for log in (ours, caffes)]
        np.testing.assert_allclose(found[0], found[1][: len(found[0])], rtol=1e-3)
    assert ("clip" in name) == ("Gradient clipping" in ours)
    assert len(re.findall(r"lr = ", ours)) == 15


def test_log_with_average_loss_and_tests(folder: Path) -> None:
    """The loss is the mean of the last four iterations', tests show their own, and Caffe's parse_log finds its lines."""
    settings = SGD + 'lr_policy: "fixed" average_loss: 4 test_interval: 5 test_iter: 2 test_compute_loss: true'
    with inside(folder):
        caffes = train_caffe(prepare("caffes", settings, 14), "--weights=start_iter_0.caffemodel")
        ours = "\n".join(train_ours(prepare("ours", settings, 14), weights="start_iter_0.caffemodel"))
    for pattern, count in (
        (r"Iteration \d+ \(.* iters\), loss = (\S+)", 14),
        (r"Test loss: (\S+)", 3),
        (r"Train net output #0: loss = (\S+) \(\* 1 = \S+ loss\)", 14),
        (r"Test net output #0: loss = (\S+) \(\* 1 = \S+ loss\)", 3),
    ):
        found = [np.array(re.findall(pattern, log), float) for log in (ours, caffes)]
        assert len(found[0]) == len(found[1]) == count, pattern
        np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


DEBUG = re.compile(r"\[(Forward|Backward)\] (.*) (?:data|diff): (\S+)$|(L[12]) norm = \((\S+), (\S+)\)", re.MULTILINE)


def test_debug_info(folder: Path) -> None:
    """The same layers and blobs in the same order with the same sizes, at every displayed iteration."""
    settings = SGD + 'lr_policy: "fixed" debug_info: true'
    with inside(folder):
        caffes = train_caffe(prepare("caffes", settings, 4, display=2), "--weights=start_iter_0.caffemodel")
        ours = "\n".join(train_ours(prepare("ours", settings, 4, display=2), weights="start_iter_0.caffemodel"))
    # After the last update, Caffe runs forward once more.
    caffes = caffes[: caffes.index("Iteration 4, loss")]
    found = [[match.groups() for match in DEBUG.finditer(log)] for log in (ours, caffes)]
    assert len(found[0]) == 2 * (1 + 1 + 8 + 8 + 6 + 2 + 2) == len(found[1]), found[1]
    for mine, his in zip(*found, strict=True):
        same_line(mine, his)


def same_line(mine: Sequence[str], his: Sequence[str]) -> None:
    for own, other in zip(mine, his, strict=True):
        if other and re.match(r"[\d.]", other):
            assert float(own) == pytest.approx(float(other), rel=1e-3), his
        else:
            assert own == other


@pytest.mark.parametrize("display", [1, 2])
def test_debug_info_of_test_nets_and_of_the_last_look(folder: Path, display: int) -> None:
    """Every test has lines for each layer. The pass after the last update has them if the last iteration was displayed."""
    from training.solvers.solver import Solver

    settings = SGD + 'lr_policy: "fixed" debug_info: true test_iter: 2 test_interval: 2'
    with inside(folder):
        text = train_caffe(prepare("caffes", settings, 2, display=display), "--weights=start_iter_0.caffemodel")
        lines: list[str] = []
        solver = Solver(read_solver(prepare("ours", settings, 2, display=display)), log=lines.append)
        solver.load("start_iter_0.caffemodel")
        solver.solve()
    text = text[text.index("Solving Smooth") :]
    found = [
        [match.groups() for match in DEBUG.finditer(log) if "_split" not in match[0]]
        for log in ("\n".join(lines), text)
    ]
    train = {1: 2, 2: 1}[display]
    assert len(found[1]) == train * 28 + (2 + 2 + (display == 1)) * 15
    assert len(found[0]) == len(found[1])
    for mine, his in zip(*found, strict=True):
        same_line(mine, his)
