"""Writes and reads snapshots as Caffe 1.0 does: NAME_iter_N.caffemodel and NAME_iter_N.solverstate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from caffe_io.blobs import Array, blob_shape, blob_to_array, same_shape
from caffe_io.caffe_pb2 import NetParameter
from caffe_io.errors import WeightsError
from caffe_io.hdf5 import write_hdf5_state, write_hdf5_weights
from caffe_io.weights import read_solverstate, write_solverstate, write_weights
from common.inputs import check_input
from common.messages import shape_text

from ..nets.net import Net


def snapshot_names(prefix: str, iteration: int, hdf5: bool = False) -> tuple[str, str]:
    """Return the names of the caffemodel and the solver state of an iteration."""
    ending = ".h5" if hdf5 else ""
    return f"{prefix}_iter_{iteration}.caffemodel{ending}", f"{prefix}_iter_{iteration}.solverstate{ending}"


def write_snapshot(
    net: Net,
    histories: Sequence[Tensor],
    prefix: str,
    iteration: int,
    step: int,
    hdf5: bool = False,
    diffs: bool = False,
) -> tuple[str, str]:
    """Write the weights and the solver state of `iteration`, each atomically; return the two names.

    `step` is the learning-rate policy's current step. With `diffs` (snapshot_diff) the weights' grads, which are the last
    steps after an update, are stored beside the weights. An earlier pair of the same number is replaced, as in Caffe.
    """
    model, state = snapshot_names(prefix, iteration, hdf5)
    # If we are killed between the two files, an earlier run's state must not pair with our weights.
    Path(state).unlink(missing_ok=True)
    save_weights(net, model, _diffs(net) if diffs else None)
    arrays = [history.detach().cpu().contiguous().numpy() for history in histories]
    (write_hdf5_state if hdf5 else write_solverstate)(state, iteration, model, arrays, step, force=True)
    return model, state


def snapshot_size(net: Net, histories: Sequence[Tensor]) -> int:
    """Return about how many bytes a snapshot has."""
    return sum(blob.nbytes for blob in (*(parameter.values for parameter in net.parameters), *histories))


def save_weights(
    net: Net,
    path: str | os.PathLike[str],
    diffs: dict[str, list[Array]] | None = None,
    hdf5: bool | None = None,
) -> None:
    """Write the net's weights, and the `diffs` of all of them if given, as HDF5 or as a caffemodel.

    Without `hdf5` the name decides: HDF5 if it ends with .h5. An earlier file is replaced.
    """
    weights = net.weights()
    if str(path).endswith(".h5") if hdf5 is None else hdf5:
        owned: dict[str, dict[int, Array]] = {}
        for parameter in net.parameters:
            owned.setdefault(parameter.layer, {})[parameter.index] = weights[parameter.layer][parameter.index]
        write_hdf5_weights(path, [layer.name for layer in net.layers], owned, force=True, diffs=diffs)
    else:
        write_weights(path, trained_param(net), weights, force=True, diffs=diffs)


def _diffs(net: Net) -> dict[str, list[Array]]:
    """Return the grads of each layer's weights by its name, zeros if there are none. Shared weights are in every layer."""

    def grad(blob: Tensor) -> Array:
        # Weights that are shared in another shape are a view, whose base has the grad.
        owner = blob if blob._base is None else blob._base
        values = torch.zeros_like(owner) if owner.grad is None else owner.grad
        return values.cpu().contiguous().numpy().reshape(tuple(blob.shape))

    return {layer.name: [grad(blob) for blob in layer.blobs] for layer in net.layers if layer.blobs}


def read_snapshot(path: str | os.PathLike[str], net: Net, histories: Sequence[Tensor]) -> tuple[int, int]:
    """Load the weights and `histories` from a .solverstate (or .solverstate.h5) and the caffemodel that it names.

    Returns the iteration and the learning-rate policy's current step. If both files were moved together, the caffemodel is
    found beside the solverstate. Raises WeightsError if a file is damaged, or belongs to another net.
    """
    state = read_solverstate(path)
    if not state.learned_net:
        raise WeightsError(f"{path}: names no caffemodel (learned_net is empty). Resume from an earlier snapshot.")
    if state.iter < 0 or state.current_step < 0:
        raise WeightsError(f"{path}: claims iteration {state.iter}, step {state.current_step}. The file is damaged.")
    try:
        model = Path(state.learned_net)
        if not os.path.lexists(model):
            model = Path(path).parent / model.name
        check_input(model)
    except ValueError as error:
        raise WeightsError(f"{path}: the name of its caffemodel holds a NUL byte. The file is damaged.") from error
    except OSError as error:
        raise WeightsError(f"{path}: its caffemodel {model} cannot be read ({error.strerror}).") from error
    net.load_all(model)
    if len(state.history) != len(histories):
        raise WeightsError(
            f"{path}: has {len(state.history)} history blobs; expected {len(histories)} for the net's {len(net.parameters)} "
            "weights. Is it another net's, or another solver type's?"
        )
    for index, (history, blob) in enumerate(zip(histories, state.history, strict=True)):
        if not same_shape(blob_shape(blob), history.shape):
            parameter = net.parameters[index % len(net.parameters)]
            raise WeightsError(
                f'{path}: the history of layer "{parameter.layer}", blob {parameter.index}, is {shape_text(blob_shape(blob))}; '
                f"expected {shape_text(history.shape)}. Is it another net's?"
            )
        with torch.no_grad():
            history.copy_(torch.from_numpy(blob_to_array(blob).reshape(tuple(history.shape))))
    return state.iter, state.current_step


def trained_param(net: Net) -> NetParameter:
    """Return the net's description for a caffemodel: the layers of its phase, which is set where a layer has none."""
    param = NetParameter(name=net.param.name)
    for layer in net.param.layer:
        param.layer.append(layer)
        if not layer.HasField("phase"):
            param.layer[-1].phase = net.context.phase
    return param
