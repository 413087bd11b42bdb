"""Snapshots: NAME_iter_N.caffemodel and .solverstate, as Caffe 1.0 writes and reads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from caffe_io.blobs import Array, blob_shape, blob_to_array, same_shape
from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from caffe_io.errors import WeightsError
from caffe_io.hdf5 import write_hdf5_state, write_hdf5_weights
from caffe_io.weights import read_solverstate, write_solverstate, write_weights

from ..errors import TrainingError
from ..nets.net import Net


def check_snapshots(param: SolverParameter) -> None:
    """Raise TrainingError if the solver's snapshots could not be written: better before the training than after an hour."""
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


def write_snapshot(
    net: Net,
    histories: Sequence[Tensor],
    prefix: str,
    iteration: int,
    step: int,
    hdf5: bool = False,
    diffs: bool = False,
) -> tuple[str, str]:
    """Write the pair of files for `iteration`, each whole or not at all, the weights first; returns their names.

    `step` is the learning-rate policy's current step. With `diffs` (snapshot_diff) the weights' grads, which after an update
    are the steps taken, stand beside the weights. Like Caffe, an earlier pair of the same number is replaced.
    """
    ending = ".h5" if hdf5 else ""
    model, state = (f"{prefix}_iter_{iteration}{suffix}{ending}" for suffix in (".caffemodel", ".solverstate"))
    # An earlier run's: a kill between the two files must not pair it with our weights.
    Path(state).unlink(missing_ok=True)
    save_weights(net, model, _diffs(net) if diffs else None)
    arrays = [history.detach().cpu().contiguous().numpy() for history in histories]
    (write_hdf5_state if hdf5 else write_solverstate)(state, iteration, model, arrays, step, force=True)
    return model, state


def save_weights(net: Net, path: str | os.PathLike[str], diffs: dict[str, list[Array]] | None = None) -> None:
    """Write the net's weights, and `diffs` of all of them if they are given, to `path`, in HDF5 if it ends with .h5, else as
    a caffemodel; an earlier file is replaced."""
    weights = net.weights()
    if str(path).endswith(".h5"):
        owned: dict[str, dict[int, Array]] = {}
        for parameter in net.parameters:
            owned.setdefault(parameter.layer, {})[parameter.index] = weights[parameter.layer][parameter.index]
        write_hdf5_weights(path, [layer.name for layer in net.layers], owned, force=True, diffs=diffs)
    else:
        write_weights(path, trained_param(net), weights, force=True, diffs=diffs)


def _diffs(net: Net) -> dict[str, list[Array]]:
    """Layer name -> the grads of its weights (zeros for none); those of shared weights in every layer that shares them."""

    def grad(blob: Tensor) -> Array:
        owner = blob if blob._base is None else blob._base  # weights shared in another shape
        values = torch.zeros_like(owner) if owner.grad is None else owner.grad
        return values.cpu().contiguous().numpy().reshape(tuple(blob.shape))

    return {layer.name: [grad(blob) for blob in layer.blobs] for layer in net.layers if layer.blobs}


def read_snapshot(path: str | os.PathLike[str], net: Net, histories: Sequence[Tensor]) -> tuple[int, int]:
    """Load weights and `histories` from a .solverstate (or .solverstate.h5) and the caffemodel it names; returns the
    iteration and the learning-rate policy's current step.

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
            f"{path}: has {len(state.history)} history blobs; wanted {len(histories)} for the net's {len(net.parameters)} "
            "weights. Is it another net's, or of another type of solver?"
        )
    for index, (history, blob) in enumerate(zip(histories, state.history, strict=True)):
        if not same_shape(blob_shape(blob), history.shape):
            parameter = net.parameters[index % len(net.parameters)]
            raise WeightsError(
                f'{path}: the history of layer "{parameter.layer}", blob {parameter.index}, is {list(blob_shape(blob))}; '
                f"wanted {list(history.shape)}. Is it another net's?"
            )
        with torch.no_grad():
            history.copy_(torch.from_numpy(blob_to_array(blob).reshape(tuple(history.shape))))
    return state.iter, state.current_step


def trained_param(net: Net) -> NetParameter:
    """The net's description as a caffemodel holds it: the layers of its phase, each marked with it if it has none itself."""
    param = NetParameter(name=net.param.name)
    for layer in net.param.layer:
        param.layer.append(layer)
        if not layer.HasField("phase"):
            param.layer[-1].phase = net.context.phase
    return param
