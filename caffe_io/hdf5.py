"""Reads and writes weights and solver states in HDF5, as Caffe does with snapshot_format: HDF5.

NAME.caffemodel.h5 holds a group `data` with a group for each layer, and in it the layer's blobs as float data sets "0", "1",
... A shared blob is stored in its owner's group only. With snapshot_diff a second group, `diff`, holds the last update of
each blob, here in every layer that shares it. NAME.solverstate.h5 holds the integers `iter` and `current_step`, the string
`learned_net`, and a group `history` with the data sets "0", "1", ...
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.files import atomic_file
from common.inputs import check_input, open_input

from .blobs import Array, array_to_blob
from .caffe_pb2 import SolverState
from .errors import WeightsError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# The most bytes of values for a byte of the file. gzip packs zeros about that tightly.
_DENSITY = 1024
# The most groups inside each other. A layer's name with slashes becomes that many.
_DEEPEST = 32
_MOST_GROUPS = 50_000


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether the file at `path` begins as HDF5 files do; False if there is no file."""
    try:
        with open_input(path) as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def read_hdf5_weights(path: str | os.PathLike[str]) -> dict[str, list[Array]]:
    """Return the blobs (float32) of every layer that has any, by the layer's name.

    A blob that another layer owns is not in the file. If others follow it, an empty array stands for it. Raises
    WeightsError if the file is damaged or holds no weights.
    """
    weights: dict[str, list[Array]] = {}
    with _opened(path) as file:
        for name, group in _layers(_group(file, "data", path), path):
            blobs = {int(key): _numbers(group, key, f"{path}: data/{name}/{key}") for key in group if _is_number(key)}
            if max(blobs) >= 2 * len(blobs) + 8:
                raise WeightsError(f'{path}: layer "{name}" has a blob number {max(blobs)}. The file is damaged.')
            weights[name] = [blobs.get(index, np.empty(0, np.float32)) for index in range(max(blobs) + 1)]
    if not weights:
        raise WeightsError(f"{path}: holds no weights; expected a trained .caffemodel.h5.")
    return weights


def write_hdf5_weights(
    path: str | os.PathLike[str],
    layers: Sequence[str],
    weights: Mapping[str, Mapping[int, Array]],
    force: bool = False,
    diffs: Mapping[str, Sequence[Array]] | None = None,
) -> None:
    """Write a .caffemodel.h5 atomically: a group for each of `layers`, with its blobs by their index.

    Leave out the blobs that another layer owns. `diffs` maps layer names to the diffs of all their blobs.
    """
    parts: dict[str, Mapping[str, Mapping[int, Array]]] = {"data": weights}
    if diffs is not None:
        parts["diff"] = {layer: dict(enumerate(arrays)) for layer, arrays in diffs.items()}
    with _created(path, force) as file:
        for part, blobs in parts.items():
            top = file.create_group(part)
            for layer in layers:
                group = top.require_group(layer)
                for index, values in blobs.get(layer, {}).items():
                    group.create_dataset(str(index), data=values, dtype="<f4")


def read_hdf5_state(path: str | os.PathLike[str]) -> SolverState:
    """Read a .solverstate.h5 as a SolverState message. Raises WeightsError if it is damaged or another kind of file."""
    with _opened(path) as file:
        found = {key: _number(file, key, path) for key in ("iter", "current_step")}
        if found["iter"] is None:
            raise WeightsError(f"{path}: has no iteration number; expected a .solverstate.h5.")
        state = SolverState(iter=found["iter"], current_step=found["current_step"] or 0)
        if "learned_net" in file:
            state.learned_net = _text(file, "learned_net", f"{path}: learned_net")
        history = _group(file, "history", path)
        for index in range(len(history)):
            if str(index) not in history:
                raise WeightsError(f'{path}: has {len(history)} history blobs, but no "{index}". The file is damaged.')
            state.history.append(array_to_blob(_numbers(history, str(index), f"{path}: history {index}")))
    return state


def write_hdf5_state(
    path: str | os.PathLike[str],
    iteration: int,
    learned_net: str,
    history: Sequence[Array],
    current_step: int = 0,
    force: bool = False,
) -> None:
    """Write a .solverstate.h5 that Caffe can resume from, atomically."""
    with _created(path, force) as file:
        for key, value in (("iter", iteration), ("current_step", current_step)):
            file.create_dataset(key, data=np.array([value], "<i4"))
        name = os.fsencode(learned_net)
        # Caffe reads up to a zero byte.
        file.create_dataset("learned_net", data=np.array(name, f"S{len(name) + 1}"))
        group = file.create_group("history")
        for index, values in enumerate(history):
            group.create_dataset(str(index), data=values, dtype="<f4")


def write_hdf5_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], force: bool = False) -> None:
    """Write float32 datasets by name, atomically, as HDF5Data reads them."""
    with _created(path, force) as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, dtype="<f4")


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(check_input(path), "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise WeightsError(
            f"{path}: cannot be read as HDF5 ({error}). Copy it again, or take an earlier snapshot."
        ) from error


@contextmanager
def _created(path: str | os.PathLike[str], force: bool) -> Iterator[Any]:
    import h5py

    with atomic_file(path, force) as temporary, h5py.File(temporary, "w") as file:
        yield file


def own_dataset(group: Any, name: str, what: str) -> Any:
    """Return a data set of an open HDF5 file that keeps its numbers in this file; None if there is no data set `name`.

    `what` names it in messages. Raises WeightsError if it is elsewhere, or if it claims more numbers than the file can hold.
    HDF5 would follow links to any file of the machine.
    """
    import h5py

    data = group
    for part in filter(None, name.split("/")):
        data = _own_item(data, part, what) if isinstance(data, h5py.Group) else None
    if not isinstance(data, h5py.Dataset):
        return None
    if data.external or data.is_virtual:
        raise WeightsError(f"{what}: keeps its numbers in other files, which are not read. Copy them into this file.")
    size = Path(data.file.filename).stat().st_size
    # A chunk may be larger than the data set.
    if data.size is None or max(data.size, math.prod(data.chunks or ())) * data.dtype.itemsize > _DENSITY * size:
        raise WeightsError(f"{what}: claims {data.size} numbers in a file of {size} bytes. The file is damaged.")
    return data


def _own_item(group: Any, name: str | bytes, what: str) -> Any:
    """Return what a group holds under `name`, None if nothing. Raises WeightsError for a link."""
    import h5py

    # Groups would follow a link before they say what it is.
    links = group.id.links
    key = os.fsencode(name)
    if not links.exists(key):
        return None
    if links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise WeightsError(f"{what}: is a link to another place or file, which is not followed. Copy the numbers here.")
    return group[name]


def _group(file: Any, name: str, path: str | os.PathLike[str]) -> Any:
    import h5py

    if not isinstance(group := _own_item(file, name, f"{path}: {name}"), h5py.Group):
        other = " It is a model of Keras, which no command here reads." if "keras_version" in file.attrs else ""
        raise WeightsError(
            f'{path}: has no group "{name}". A .caffemodel.h5 has the group "data", a .solverstate.h5 the group '
            f'"history".{other}'
        )
    return group


def _layers(top: Any, path: str | os.PathLike[str]) -> list[tuple[str, Any]]:
    """Return the groups that hold data sets, with their paths, because a layer's name may contain slashes."""
    import h5py

    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any, int]] = [("", top, 0)]
    seen = 0
    while waiting:
        name, group, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST or seen > _MOST_GROUPS:
            raise WeightsError(
                f"{path}: has more than {_DEEPEST} groups inside each other, or more than {_MOST_GROUPS} in all. "
                "Expected a trained .caffemodel.h5."
            )
        items = {key: _own_item(group, key, f"{path}: data{name}/{os.fsdecode(key)}") for key in group}
        if name and any(_is_number(key) and isinstance(item, h5py.Dataset) for key, item in items.items()):
            found.append((name[1:], group))
        below = [
            (f"{name}/{os.fsdecode(key)}", item, depth + 1)
            for key, item in items.items()
            if isinstance(item, h5py.Group)
        ]
        waiting += reversed(below)
    return found


def _is_number(key: str | bytes) -> bool:
    # h5py returns a name that is not UTF-8 as bytes.
    return isinstance(key, str) and key.isdecimal()


def _numbers(group: Any, name: str, what: str) -> Array:
    data = own_dataset(group, name, what)
    if data is None or data.dtype.kind not in "fiu":
        raise WeightsError(f"{what}: is not a data set of numbers. The file is damaged.")
    return np.asarray(data[()], np.float32)


def _number(file: Any, key: str, path: str | os.PathLike[str]) -> int | None:
    if key not in file:
        return None
    values = _numbers(file, key, f"{path}: {key}").reshape(-1)
    if values.size != 1:
        raise WeightsError(f"{path}: {key} is {values.size} numbers; expected one. The file is damaged.")
    return int(file[key][()].reshape(-1)[0])


def _text(group: Any, name: str, what: str) -> str:
    data = own_dataset(group, name, what)
    value = None if data is None else data[()]
    if not isinstance(value, bytes):
        raise WeightsError(f"{what}: is not text. The file is damaged.")
    return os.fsdecode(value.split(b"\0")[0])
