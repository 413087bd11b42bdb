"""Snapshots: NAME_iter_N.caffemodel and .solverstate, as Caffe 1.0 writes and reads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from caffe_io.blobs import blob_shape, blob_to_array, same_shape
from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from caffe_io.errors import WeightsError
from caffe_io.weights import read_solverstate, write_solverstate, write_weights

from .errors import TrainingError
from .net import Net


def check_snapshots(param: SolverParameter) -> None:
    """Raise TrainingError if the solver's snapshots could not be written: better before the training than after an hour."""
    if param.snapshot_format == SolverParameter.HDF5:
        raise TrainingError("snapshot_format HDF5 is not there yet; leave it out, or write BINARYPROTO.")
    folder = Path(f"{param.snapshot_prefix}_").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe."):
            pass
    except OSError as error:
        raise TrainingError(
            f'snapshot_prefix "{param.snapshot_prefix}": the folder {folder} cannot be written ({error.strerror}). '
            "Check it and its permissions, or name another prefix in the solver."
        ) from error


def write_snapshot(net: Net, histories: Sequence[Tensor], prefix: str, iteration: int, step: int) -> tuple[str, str]:
    """Write the pair of files for `iteration`, each whole or not at all, the weights first; returns their names.

    `step` is the learning-rate policy's current step. Like Caffe, an earlier pair of the same number is replaced.
    """
    model, state = (f"{prefix}_iter_{iteration}{suffix}" for suffix in (".caffemodel", ".solverstate"))
    write_weights(model, trained_param(net), net.weights(), force=True)
    arrays = [history.detach().cpu().contiguous().numpy() for history in histories]
    write_solverstate(state, iteration, model, arrays, step, force=True)
    return model, state


def read_snapshot(path: str | os.PathLike[str], net: Net, histories: Sequence[Tensor]) -> int:
    """Load weights and `histories` from a .solverstate and the caffemodel it names; returns the iteration.

    If both files were moved together, the caffemodel is found beside the solverstate.
    """
    state = read_solverstate(path)
    if not state.learned_net:
        raise WeightsError(f"{path}: names no caffemodel (learned_net is empty). Take an earlier snapshot.")
    model = Path(state.learned_net)
    if not model.exists():
        model = Path(path).parent / model.name
    net.load(model)
    if len(state.history) != len(histories):
        raise WeightsError(
            f"{path}: has {len(state.history)} history blobs, but the net has {len(histories)} weights. Is it another net's?"
        )
    for parameter, history, blob in zip(net.parameters, histories, state.history, strict=True):
        if not same_shape(blob_shape(blob), history.shape):
            raise WeightsError(
                f'{path}: the history of layer "{parameter.layer}", blob {parameter.index}, is {list(blob_shape(blob))}; '
                f"wanted {list(history.shape)}. Is it another net's?"
            )
        with torch.no_grad():
            history.copy_(torch.from_numpy(blob_to_array(blob).reshape(tuple(history.shape))))
    return state.iter


def trained_param(net: Net) -> NetParameter:
    """The net's description as a caffemodel holds it: the layers of its phase, each marked with that phase."""
    param = NetParameter(name=net.param.name)
    for layer in net.param.layer:
        param.layer.append(layer)
        param.layer[-1].phase = net.context.phase
    return param
