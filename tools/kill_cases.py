"""The cases of tools.kill: commands of the rooms, what they may leave, and how to go on from there.

A command runs in a folder beside `inputs` and writes into `out`. `before` holds what was in `out` when it began.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.errors import WeightsError
from caffe_io.prototxt import parse_text
from caffe_io.weights import newest_snapshot, read_solverstate, read_weights, write_weights
from common.errors import MokaError
from common.places import ROOT
from inference.devices.cpu import CpuDevice


class Broken(MokaError):
    """What a killed command left is not complete, or the next command cannot go on from it."""


@dataclass(frozen=True)
class Case:
    """One command.

    `begin` and `end` are patterns of file names: the command is killed between the moments when such files are new in
    `out` or have another inode than before. `prepare` fills `inputs` and `before`. `check` gets the `out` of a killed and
    of an undisturbed run and `before`; it returns what is there in a few words, or raises Broken. `go_on` returns the
    command after a kill. The `final` files must then be those of the undisturbed run.
    """

    prepare: Callable[[Path, Path], None]
    command: tuple[str, ...]
    begin: str
    end: str
    check: Callable[[Path, Path, Path], str]
    go_on: Callable[[Path, tuple[str, ...]], tuple[str, ...]]
    final: tuple[str, ...]


def cases(size: float = 1.0) -> dict[str, Case]:
    """Return all cases by name. `size` scales how long the commands of training and lmdb_build take."""
    iterations, pictures = round(150 * size), round(6000 * size)
    train = ("training", "train", "--solver", "../inputs/{}.prototxt")
    convert = ("lmdb_build", "convert_imageset", "../inputs/faces/", "../inputs/faces.txt", "out/faces_lmdb")
    mean = ("lmdb_build", "compute_image_mean", "../inputs/faces_lmdb", "out/mean.binaryproto", "--npy", "out/mean.npy")
    weights = ("--model=../inputs/Net_deploy.prototxt", "--weights=../inputs/new.caffemodel")
    compiled = ("ncs", "compile", *weights, "--out=out", "--force")
    table: dict[str, Case] = {}
    for form, ending in (("BINARYPROTO", ""), ("HDF5", ".h5")):
        last = tuple(f"net_iter_{iterations}.{kind}{ending}" for kind in ("caffemodel", "solverstate"))
        command = (*train[:3], train[3].format(form))
        table[f"training, {form}"] = Case(
            _trainer(iterations), command, "net_log.csv", last[1], _check_snapshots, _from_the_newest, last
        )
    for name, old in (("LMDB", False), ("LMDB over another", True)):
        table[name] = Case(
            _lister(pictures, old), (*convert, *["--force"] * old), ".faces_lmdb.*", "faces_lmdb", _check_lmdb,
            _with_force_if_needed, ("faces_lmdb/data.mdb",),
        )  # fmt: skip
    create = ("lmdb_build", "create_lmdb", "--table", "../inputs/faces.csv", "--tasks", "gender", "--force")
    pair = ("faces_lmdb", "labels_lmdb")
    table["pictures and labels over others"] = Case(
        _lister(pictures, True), (*create, *(f"out/{name}" for name in pair)), ".faces_lmdb.*", pair[1], _check_pair,
        _same_command, tuple(f"{name}/data.mdb" for name in pair),
    )  # fmt: skip
    cut = ("lmdb_build", "cut_faces", "--images", "../inputs/faces", "--landmarks", "points", "--size", "64")
    table["faces"] = Case(
        _album(round(2000 * size)), (*cut, "--out", "out/faces"), "faces.json", "ended", _check_faces, _same_command,
        ("faces.json",),
    )  # fmt: skip
    table["mean"] = Case(
        _means, mean, ".mean.*", "mean.npy", _check_mean, _with_force_if_needed, ("mean.binaryproto", "mean.npy")
    )
    for name, begin in (("ncs", ".Net.*"), ("ncs, the renames", "Net.xml")):
        table[name] = Case(
            _networks, compiled, begin, "Net.json", _check_networks, _same_command, ("Net.xml", "Net.bin")
        )
    return table


# --- training

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
        _check_same(path, undisturbed / path.name)
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


# --- lmdb_build


def _lister(pictures: int, old: bool) -> Callable[[Path, Path], None]:
    def prepare(inputs: Path, before: Path) -> None:
        import cv2

        (inputs / "faces").mkdir()
        chance = np.random.default_rng(0)
        for index in range(50):
            cv2.imwrite(str(inputs / f"faces/{index}.png"), chance.integers(0, 256, (64, 64, 3), np.uint8))
        lines = [f"{index % 50}.png {index % 7}" for index in range(pictures)]
        (inputs / "faces.txt").write_text("\n".join(lines) + "\n")
        rows = [f"../inputs/faces/{index % 50}.png,,{index % 2}" for index in range(pictures)]
        (inputs / "faces.csv").write_text("\n".join(["picture,person,gender", *rows]) + "\n")
        for name in ("faces_lmdb", "labels_lmdb") if old else ():
            with write_lmdb(before / name) as database:
                for index in range(pictures):
                    database.put(b"old %08d" % index, bytes(12_000))

    return prepare


def _check_lmdb(out: Path, undisturbed: Path, before: Path, name: str = "faces_lmdb") -> str:
    """Expect no database, that of the undisturbed run, or the one that should be replaced."""
    if not (out / name / "data.mdb").exists():
        return "nothing"
    with LmdbReader(out / name) as reader:
        count = sum(1 for _ in reader.items())
        if count != len(reader):
            raise Broken(f"{name}: {count} records of {len(reader)}")
    data = (out / name / "data.mdb").read_bytes()
    for place, word in ((undisturbed, "the new one"), (before, "the old one")):
        file = place / name / "data.mdb"
        if file.exists() and file.read_bytes() == data:
            return word
    raise Broken(f"{name}: neither the new database nor the old one")


def _check_pair(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect pictures and labels of one run. One of them may be alone, which no net takes for both."""
    pictures = _check_lmdb(out, undisturbed, before)
    labels = _check_lmdb(out, undisturbed, before, "labels_lmdb")
    if "nothing" not in (pictures, labels) and pictures != labels:
        raise Broken(f"pictures: {pictures}, labels: {labels}")
    return pictures if pictures == labels else f"pictures: {pictures}, labels: {labels}"


def _album(pictures: int) -> Callable[[Path, Path], None]:
    """Return what writes noise with files of landmarks: 68 points, of which numbers 31 and 36 are the eyes."""

    def prepare(inputs: Path, before: Path) -> None:
        import cv2

        (inputs / "faces/points").mkdir(parents=True)
        chance = np.random.default_rng(0)
        points = ["10 10"] * 31 + ["30 40"] + ["50 40"] * 36
        text = "version: 1\nn_points: 68\n{\n" + "\n".join(points) + "\n}\n"
        for index in range(pictures):
            cv2.imwrite(str(inputs / f"faces/{index}.png"), chance.integers(0, 256, (80, 80, 3), np.uint8))
            (inputs / f"faces/points/{index}.pts").write_text(text)

    return prepare


def _check_faces(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect faces of the undisturbed run; if the record says that it is complete, all of them."""
    found = [path for path in (out / "faces").glob("*") if not path.name.startswith(".")]
    for path in found:
        _check_same(path, undisturbed / "faces" / path.name)
    every = len(found) == len(list((undisturbed / "faces").iterdir()))
    if _contents(out / "faces.json") == _contents(undisturbed / "faces.json") and not every:
        raise Broken(f"faces.json is complete, but there are only {len(found)} faces")
    return "all faces" if every else "some faces" if found else "nothing"


def _means(inputs: Path, before: Path) -> None:
    chance = np.random.default_rng(0)
    # The pictures are large, so that the mean (27 MB) takes time to write.
    with write_lmdb(inputs / "faces_lmdb") as database:
        for index in range(4):
            datum = array_to_datum(chance.integers(0, 256, (3, 1500, 1500), np.uint8), 0)
            database.put(b"%08d" % index, datum.SerializeToString())


def _check_mean(out: Path, undisturbed: Path, before: Path) -> str:
    found = sorted(out.glob("mean.*"))
    for path in found:
        _check_same(path, undisturbed / path.name)
    return " and ".join(path.name for path in found) or "nothing"


def _with_force_if_needed(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same command, with --force if an output is there already."""
    there = [name for name in command if name.startswith("out/") and (folder / name).exists()]
    return (*command, "--force") if there and "--force" not in command else command


def _same_command(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    return command


# --- ncs

_DEPLOY = """name: "Net"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 64 dim: 64 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 400 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def _networks(inputs: Path, before: Path) -> None:
    """Write two sets of weights (10 MB in FP16 each) and compile the older one."""
    net = parse_text(_DEPLOY, NetParameter(), "Net_deploy.prototxt")
    (inputs / "Net_deploy.prototxt").write_text(_DEPLOY)
    for seed, name in enumerate(("old", "new")):
        chance = np.random.default_rng(seed)
        weights = {"fc": [chance.normal(0, 1e-3, (400, 3 * 64 * 64)).astype(np.float32), np.zeros(400, np.float32)]}
        write_weights(inputs / f"{name}.caffemodel", net, weights)
    words = ("ncs", "compile", "--model", inputs / "Net_deploy.prototxt", "--weights", inputs / "old.caffemodel")
    subprocess.run([sys.executable, "-m", *words, "--out", before], cwd=ROOT, check=True, capture_output=True)


def _check_networks(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect a complete set, old or new, or one that the runner refuses with an error of its own."""
    files = ("Net.xml", "Net.bin", "Net.blob", "Net.json")
    word = ""
    for place, name in ((before, "the old set"), (undisturbed, "the new set")):
        if all(_contents(out / file) == _contents(place / file) for file in files):
            word = name
    from common.card import read_cards

    try:
        device = CpuDevice(read_cards(out))
        device.close()
        refused = list(device.refused.values())
    except MokaError as error:
        refused = [error]
    if refused and word:
        raise Broken(f"{word} is refused: {refused[0]}") from refused[0]
    if not refused and not word:
        raise Broken("a mixed set, which the runner accepts")
    return word or "a mixed set, which is refused"


def _contents(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _check_same(path: Path, expected: Path) -> None:
    if path.read_bytes() != expected.read_bytes():
        raise Broken(f"{path.name}: is not the file that an undisturbed run writes")
