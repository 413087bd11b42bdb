"""Trainings that write snapshots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.errors import WeightsError
from caffe_io.weights import newest_snapshot, read_solverstate, read_weights

from .case import Broken, Case, check_same


def training_cases(size: float) -> dict[str, Case]:
    """Return a case for each format of snapshots."""
    iterations = round(150 * size)
    table = {}
    for form, ending in (("BINARYPROTO", ""), ("HDF5", ".h5")):
        last = tuple(f"net_iter_{iterations}.{kind}{ending}" for kind in ("caffemodel", "solverstate"))
        command = ("training", "train", "--solver", f"../inputs/{form}.prototxt")
        table[f"training, {form}"] = Case(
            _trainer(iterations), command, "net_log.csv", last[1], _check_snapshots, _from_the_newest, last
        )
    return table


_TRAIN_NET = """name: "Killed"
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { mean_value: 120 scale: 0.01 }
  data_param { source: "../inputs/records" backend: LMDB batch_size: 4 } }
layer { name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1"
  inner_product_param { num_output: 300 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }
layer { name: "drop" type: "Dropout" bottom: "fc1" top: "fc1" }
layer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "loss" }
"""


def _trainer(iterations: int) -> Callable[[Path, Path], None]:
    def prepare(inputs: Path, before: Path) -> None:
        chance = np.random.default_rng(0)
        with write_lmdb(inputs / "records") as database:
            for index in range(50):
                datum = array_to_datum(chance.integers(0, 256, (3, 12, 12), np.uint8), index % 3)
                database.put(b"%08d" % index, datum.SerializeToString())
        (inputs / "net.prototxt").write_text(_TRAIN_NET)
        for form in ("BINARYPROTO", "HDF5"):
            (inputs / f"{form}.prototxt").write_text(
                f'net: "../inputs/net.prototxt" base_lr: 0.01 lr_policy: "step" gamma: 0.5 stepsize: {iterations // 3 + 1} '
                f'momentum: 0.9 weight_decay: 0.001 max_iter: {iterations} display: 20 snapshot: 1 random_seed: 1 '
                f'snapshot_prefix: "out/net" snapshot_format: {form} solver_mode: CPU type: "Adam" momentum2: 0.99'
            )  # fmt: skip

    return prepare


def _check_snapshots(out: Path, undisturbed: Path, before: Path) -> str:
    found = sorted(out.glob("net_iter_*"))
    for path in found:
        check_same(path, undisturbed / path.name)
        (read_solverstate if ".solverstate" in path.name else read_weights)(path)
    models, states = ({path.name.replace(kind, "") for path in found if kind in path.name} for kind in _PAIR)
    if not states <= models:
        raise Broken(f"solver states without a caffemodel: {sorted(states - models)}")
    return "nothing" if not found else "pairs" if models == states else "pairs and a caffemodel"


_PAIR = (".caffemodel", ".solverstate")


def _from_the_newest(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    try:
        newest = newest_snapshot(folder / "out", ".solverstate")
    except WeightsError:
        # There is none yet, at most a caffemodel without its state.
        return (*command, "--force")
    return (*command, "--snapshot", str(newest.relative_to(folder)))
