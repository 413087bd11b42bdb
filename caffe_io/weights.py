"""Reads and writes trained weights: caffemodel and solverstate files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.files import atomic_file
from common.inputs import read_input

from .binary_kinds import what_binary_it_is
from .blobs import Array, add_diff, blob_to_array, fill_blob
from .caffe_pb2 import NetParameter, SolverState
from .errors import CaffeIOError, WeightsError
from .hdf5 import is_hdf5, read_hdf5_state, read_hdf5_weights
from .prototxt import parse_binary, read_binary_net

# Whose the blobs of a BatchNorm that is BatchNorm and Scale in one are, and what they hold, in their order.
_NVIDIA = ("NVIDIA's Caffe", "mean, variance, a factor of 1, scale, bias")
_OLD_NVIDIA = ("an early NVIDIA Caffe", "scale, bias, mean, variance, one number without use")
_PSPNET = ("PSPNet's or another fork's layer BN", "scale, bias, mean, variance")
# Seconds. Files that were copied in any order are this close; two trainings are not.
_COPIED_TOGETHER = 1.0


def read_weights(path: str | os.PathLike[str]) -> dict[str, list[Array]]:
    """Return the blobs (float32) of every layer that has any, by the layer's name, in the order of the caffemodel.

    Reads V1 files and HDF5 (.caffemodel.h5), too. Raises WeightsError if the file is missing, damaged, or not a
    caffemodel.
    """
    if is_hdf5(path):
        return read_hdf5_weights(path)
    net = read_binary_net(path)
    weights: dict[str, list[Array]] = {}
    for layer in net.layer:
        if layer.blobs:
            try:
                weights[layer.name] = [
                    blob_to_array(b, f'layer "{layer.name}", blob {i}') for i, b in enumerate(layer.blobs)
                ]
            except CaffeIOError as error:
                raise WeightsError(f"{path}: {error} The file is damaged; take another snapshot.") from error
    if not weights:
        kind = "" if net.layer else what_binary_it_is(read_input(path))
        advice = kind or "Pass the *.caffemodel that training or a download gave you."
        raise WeightsError(
            f"{path}: holds {len(net.layer)} layers but no weights; expected a trained caffemodel. {advice}"
        )
    return weights


def write_weights(
    path: str | os.PathLike[str],
    net: NetParameter,
    weights: Mapping[str, Sequence[Array]],
    force: bool = False,
    diffs: Mapping[str, Sequence[Array]] | None = None,
) -> None:
    """Write `net` as a caffemodel, atomically, with `weights` and, as snapshot_diff asks for, `diffs` of the same shapes.

    Both map layer names to blobs.
    """
    filled = NetParameter()
    filled.CopyFrom(net)
    for layer in filled.layer:
        layer.ClearField("blobs")
        for array in weights.get(layer.name, ()):
            fill_blob(layer.blobs.add(), array)
        for blob, array in zip(layer.blobs, (diffs or {}).get(layer.name, ()), strict=False):
            add_diff(blob, array)
    with atomic_file(path, force) as temporary:
        temporary.write_bytes(filled.SerializeToString())


def read_solverstate(path: str | os.PathLike[str]) -> SolverState:
    """Read a .solverstate, or a .solverstate.h5: iter, current_step, learned_net, and the history blobs."""
    if is_hdf5(path):
        return read_hdf5_state(path)
    state = parse_binary(path, SolverState(), "a solverstate")
    # A mean image parses as a state with an iteration number, its number of pictures.
    if not state.HasField("iter") or not (state.history or state.HasField("learned_net")):
        advice = what_binary_it_is(read_input(path)) or "Pass a .caffemodel with --weights."
        raise WeightsError(f"{path}: has no iteration number or no history; expected a .solverstate. {advice}")
    return state


def write_solverstate(
    path: str | os.PathLike[str],
    iteration: int,
    learned_net: str,
    history: Sequence[Array],
    current_step: int = 0,
    force: bool = False,
) -> None:
    """Write a .solverstate that Caffe can resume from; `history` in the order of the net's learnable parameters."""
    state = SolverState(iter=iteration, learned_net=learned_net, current_step=current_step)
    for array in history:
        fill_blob(state.history.add(), array)
    with atomic_file(path, force) as temporary:
        temporary.write_bytes(state.SerializeToString())


def snapshots(folder: str | os.PathLike[str], suffix: str = ".caffemodel", name: str | None = None) -> list[Path]:
    """Return the snapshots (NAME_iter_N + suffix, or the same in HDF5) in `folder` by their numbers, the highest last.

    They may have any NAME unless `name` is given. Raises WeightsError if `folder` cannot be read.
    """
    pattern = re.compile(
        f"{'.*' if name is None else re.escape(name)}_iter_([0-9]+){re.escape(suffix)}(\\.h5)?", re.DOTALL
    )
    try:
        # A glob would take an unreadable folder for an empty one.
        files = list(Path(folder).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise WeightsError(
            f"{folder}: cannot be read ({error.strerror}). Check the folder and its permissions."
        ) from error
    found = []
    for path in files:
        if match := pattern.fullmatch(path.name):
            found.append((int(match[1]), path.name, path))
    return [path for _, _, path in sorted(found)]


def _name(snapshot: Path) -> str:
    """Return NAME of NAME_iter_N."""
    return snapshot.name.rpartition("_iter_")[0]


def newest_snapshot(folder: str | os.PathLike[str], suffix: str = ".caffemodel", name: str | None = None) -> Path:
    """Return the snapshot in `folder` with the highest iteration number of the training that wrote there last (see `snapshots`).

    Snapshots with another NAME are of another training: a recipe's settled weights have lower numbers than those that they
    were made of. Raises WeightsError if there is no snapshot, if the folder cannot be read, or if the files do not tell which
    training was the last: two with the same NAME, or all copied at once.
    """
    found = snapshots(folder, suffix, name)
    if not found:
        raise WeightsError(f"{folder}: holds no snapshot (*_iter_N{suffix}). Train the net first.")
    written = {path: path.stat().st_mtime for path in found}
    last = max(found, key=written.__getitem__)
    same = [path for path in found if _name(path) == _name(last)]
    highest = same[-1]
    advice = "Name the file that you mean (--weights FILE), or move those of the other training away."
    if written[last] > written[highest] + _COPIED_TOGETHER:
        raise WeightsError(
            f"{folder}: {highest.name} has the highest number, but {last.name} was written after it, so they may be of "
            f"different trainings. {advice}"
        )
    for other in reversed(found):
        if other not in same and written[other] > written[last] - _COPIED_TOGETHER:
            raise WeightsError(
                f"{folder}: {highest.name} and {other.name} are of different trainings and were written at the same time, so "
                f"neither is known to be newer. {advice}"
            )
    return highest


def with_shared(net: NetParameter, weights: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
    """Return the weights, with each weight that `param { name }` shares in every layer that shares it; the last copy counts."""
    named: dict[str, Array] = {}
    completed = {name: list(blobs) for name, blobs in weights.items()}
    for layer in net.layer:
        named.update({spec.name: blob for spec, blob in zip(layer.param, completed.get(layer.name, ()), strict=False)})
    for layer in net.layer:
        blobs = completed.setdefault(layer.name, [])
        for index, spec in enumerate(layer.param):
            if spec.name and spec.name in named and index <= len(blobs):
                blobs[index : index + 1] = [named[spec.name]]
    return completed


def batch_norm_of_fork(blobs: Sequence[Array], scales_too: bool = False) -> str:
    """Say whose the trained `blobs` of a BatchNorm are, and what to do with them, if there are 4 or 5; else return "".

    With `scales_too` the prototxt says that it has NVIDIA's five blobs.
    """
    advice = "Write"
    if len(blobs) == 5:
        if scales_too and blobs[2].size == 1:
            return ""
        whose, order = _OLD_NVIDIA if blobs[4].size == 1 and blobs[0].size > 1 else _NVIDIA
        if whose == _NVIDIA[0]:
            advice = "Write scale_bias: true into its batch_norm_param, as NVIDIA's prototxts have it. Or write"
    elif len(blobs) == 4:
        whose, order = _PSPNET
    else:
        return ""
    return (
        f"has {len(blobs)} blobs in the caffemodel, those of {whose}, which does BatchNorm and Scale in one layer: {order}. "
        f"Caffe's BatchNorm has mean, variance and factor. {advice} a Scale layer with bias_term: true after it, and move scale "
        "and bias there (docs/caffe_users.md shows how)."
    )
