"""Weights, solver states and HDF5 files that are damaged, of another net, or reach for other files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caffe_io.caffe_pb2 import NetParameter, SolverState

from .cases import Case
from .paths import Prepare
from .world import STATE, WEIGHTS

_TEST = "test --model prototxt/Tiny/train_test.prototxt --iterations 1 --weights {}"
_READERS = {
    "test": _TEST,
    "evaluate": "evaluate --model prototxt/Tiny/train_test.prototxt --weights {}",
    "compile": "compile --out new --model prototxt/Tiny/deploy.prototxt --weights {}",
    "extract_features": "extract_features {} prototxt/Tiny/train_test.prototxt fc new_lmdb 1 lmdb",
}


def _weights(change: Callable[[NetParameter], object]) -> Prepare:
    def prepare(folder: Path) -> None:
        net = NetParameter.FromString((folder / WEIGHTS).read_bytes())
        change(net)
        (folder / "it").write_bytes(net.SerializeToString())

    return prepare


def _cut(path: str, keep: float) -> Prepare:
    def prepare(folder: Path) -> None:
        data = (folder / path).read_bytes()
        (folder / "it").write_bytes(data[: int(len(data) * keep)])

    return prepare


def _layer(net: NetParameter, name: str) -> int:
    return next(number for number, layer in enumerate(net.layer) if layer.name == name)


def _without(name: str) -> Callable[[NetParameter], object]:
    return lambda net: net.layer.pop(_layer(net, name))


def _number(value: float) -> Callable[[NetParameter], object]:
    def change(net: NetParameter) -> None:
        net.layer[_layer(net, "fc")].blobs[0].data[0] = value

    return change


def _shape(*dims: int) -> Callable[[NetParameter], object]:
    def change(net: NetParameter) -> None:
        net.layer[_layer(net, "fc")].blobs[0].shape.dim[:] = dims

    return change


_WEIGHTS: dict[str, Prepare] = {
    "without a layer": _weights(_without("fc")),
    "NaN": _weights(_number(float("nan"))),
    "infinity": _weights(_number(float("inf"))),
    "huge shape": _weights(_shape(1 << 40, 1 << 40)),
    "negative shape": _weights(_shape(-3, -49)),
    "another shape": _weights(_shape(1, 1)),
    "cut short": _cut(WEIGHTS, 0.6),
    "a solver state": _cut(STATE, 1),
    "a prototxt": _cut("prototxt/Tiny/deploy.prototxt", 1),
    "a picture": _cut("face.jpg", 1),
}


def _state(change: Callable[[SolverState], object]) -> Prepare:
    def prepare(folder: Path) -> None:
        state = SolverState.FromString((folder / STATE).read_bytes())
        change(state)
        (folder / "it.solverstate").write_bytes(state.SerializeToString())

    return prepare


def _set(key: str, value: object) -> Callable[[SolverState], object]:
    return lambda state: setattr(state, key, value)


_STATES: dict[str, Prepare] = {
    "negative iteration": _state(_set("iter", -5)),
    "NUL in learned_net": _state(_set("learned_net", "a\0b")),
    "long learned_net": _state(_set("learned_net", "x" * 300)),
    "/dev/zero as learned_net": _state(_set("learned_net", "/dev/zero")),
    "no history": _state(lambda state: state.ClearField("history")),
    "history of another shape": _state(lambda state: state.history[0].shape.dim.__setitem__(0, 1 << 40)),
}


def _hdf5(make: Callable[..., object]) -> Prepare:
    def prepare(folder: Path) -> None:
        import h5py

        with h5py.File(folder / "it.caffemodel.h5", "w") as file:
            make(file.create_group("data"), folder)

    return prepare


def _deep(group: object, folder: Path) -> None:
    for _ in range(3000):
        group = group.create_group("g")  # type: ignore[attr-defined]


def _external_link(group: object, folder: Path) -> None:
    import h5py

    os.mkfifo(folder / "fifo")
    fc = group.create_group("fc")  # type: ignore[attr-defined]
    fc["0"] = h5py.ExternalLink("fifo", "/x")


def _external_storage(group: object, folder: Path) -> None:
    fc = group.create_group("fc")  # type: ignore[attr-defined]
    fc.create_dataset("0", (16,), np.uint8, external=[("/etc/passwd", 0, 16)])


def _soft_circle(group: object, folder: Path) -> None:
    import h5py

    group["fc"] = h5py.SoftLink("/data")  # type: ignore[index]


def _huge(group: object, folder: Path) -> None:
    fc = group.create_group("fc")  # type: ignore[attr-defined]
    fc.create_dataset("0", (1 << 20, 1 << 20), np.float32, chunks=(1, 1 << 20))


_HDF5: dict[str, Callable[..., object]] = {
    "deep groups": _deep,
    "external link to a FIFO": _external_link,
    "external storage": _external_storage,
    "link to itself": _soft_circle,
    "four terabytes": _huge,
    "no layer": lambda group, folder: None,
}


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for verb, words in _READERS.items():
        for name, prepare in _WEIGHTS.items():
            found.append(_case(f"{verb} weights/{name}", words, "it", prepare))
        for name, make in _HDF5.items():
            found.append(_case(f"{verb} HDF5/{name}", words, "it.caffemodel.h5", _hdf5(make)))
    resume = "train --force --solver prototxt/Tiny/solver.prototxt --snapshot {}"
    for name, prepare in _STATES.items():
        found.append(_case(f"train state/{name}", resume, "it.solverstate", prepare))
    for name in ("NaN", "infinity", "huge shape", "another shape", "cut short"):
        words = "train --force --solver prototxt/Tiny/solver.prototxt --weights {}"
        found.append(_case(f"train weights/{name}", words, "it", _WEIGHTS[name]))
    return found


def _case(name: str, words: str, path: str, prepare: Prepare) -> Case:
    command = tuple(path if word == "{}" else word for word in words.split(" "))
    return Case(name.replace(" ", "/", 1), command, prepare=prepare)
