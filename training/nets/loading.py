"""Copies the weights of caffemodels into a net, layer by layer, by the layers' names."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from caffe_io.blobs import Array, same_shape
from caffe_io.errors import WeightsError
from caffe_io.parameters.batch_norm import as_vectors
from caffe_io.weights import batch_norm_of_fork, read_weights
from common.messages import shape_text

from ..layers import Layer
from .parameters import LearnableParameter

# How many names a message lists.
_MOST_NAMES = 8


class Loaded(NamedTuple):
    """What a caffemodel gave: the net's layers that took weights from it, and the layers in it that the net does not have."""

    copied: list[str]
    ignored: list[str]


def load_weights(
    path: str | os.PathLike[str],
    layers: Sequence[Layer],
    parameters: Sequence[LearnableParameter],
    net_path: str,
    finite: bool = False,
) -> Loaded:
    """Copy the weights of a caffemodel to the `layers` of the same names.

    `parameters` says which weights each layer owns. Raises WeightsError if a blob's shape differs, if no name matches, or,
    with `finite`, if a weight that the net takes is NaN or infinite.
    """
    given = read_weights(path)
    learning = [layer for layer in layers if layer.blobs]
    copied = []
    for layer in learning:
        if layer.name in given:
            if finite:
                _check_finite(layer.name, given[layer.name], str(path))
            owned = {parameter.index for parameter in parameters if parameter.layer == layer.name}
            _copy(layer, given[layer.name], owned, str(path), net_path)
            copied.append(layer.name)
    if learning and not copied:
        raise WeightsError(
            f"{path}: has weights of {names_text(given)}, but the net's layers are called "
            f"{', '.join(layer.name for layer in learning)}. Is it another net's caffemodel?"
        )
    return Loaded(copied, [name for name in given if name not in copied])


def layers_left_out(layers: Sequence[Layer], copied: Collection[str]) -> list[Layer]:
    """Return the layers with weights of which none came from a caffemodel, though the layers in `copied` were loaded.

    A layer that shares all its weights with one that was loaded is not left out.
    """
    # Weights that are shared in another shape are views of the same memory.
    loaded = {blob.untyped_storage().data_ptr() for layer in layers if layer.name in copied for blob in layer.blobs}
    return [
        layer
        for layer in layers
        if layer.name not in copied and any(blob.untyped_storage().data_ptr() not in loaded for blob in layer.blobs)
    ]


def check_complete(layers: Sequence[Layer], copied: Collection[str], paths: str, net_path: str) -> None:
    """Raise WeightsError if a layer's weights are neither in `copied` nor written in the prototxt.

    It writes those of a Deconvolution that enlarges, for example, with the filler "bilinear". Caffe fills such a layer.
    """
    missing = [layer.name for layer in layers_left_out(layers, copied) if not layer.filled_by_prototxt]
    if missing:
        raise WeightsError(
            f"{paths}: holds no weights for {names_text(missing)} of {net_path}. They would be random or 0, and so would "
            "every figure. Give the caffemodel that was trained with this net, or correct the names of the layers."
        )


def names_text(names: Iterable[str]) -> str:
    """Write layers' names for a message or a line of the log; of many, the first ones and how many more."""
    names = list(names)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _check_finite(name: str, given: Sequence[Array], path: str) -> None:
    for index, values in enumerate(given):
        wrong = values.size - int(np.isfinite(values).sum())
        if wrong:
            raise WeightsError(
                f'{path}: layer "{name}", blob {index}, holds {wrong} numbers that are NaN or infinite among {values.size}. '
                "Its training has diverged, or the file is damaged. Take an earlier snapshot."
            )


def _copy(layer: Layer, given: Sequence[Array], owned: Collection[int], path: str, net_path: str) -> None:
    missing = {i for i in range(len(layer.blobs)) if i >= len(given) or not given[i].size}
    if layer.param.type == "BatchNorm" and (fork := batch_norm_of_fork(given, len(layer.blobs) == 5)):
        raise WeightsError(f'{path}: layer "{layer.name}" {fork}')
    if layer.param.type == "BN":
        given = [vector.reshape(1, -1, 1, 1) if vector.ndim == 1 else vector for vector in as_vectors(given)]
    # HDF5 files leave out the blobs that another layer owns.
    if len(given) > len(layer.blobs) or missing.intersection(owned):
        raise WeightsError(
            f'{path}: layer "{layer.name}" has {len(given)} blobs there, but {len(layer.blobs)} in {net_path}. '
            "Rename the layer in the prototxt to train it from scratch."
        )
    for index, (blob, values) in enumerate(zip(layer.blobs, given, strict=False)):
        if index in missing:
            continue
        if not same_shape(values.shape, blob.shape):
            raise WeightsError(
                f'{path}: layer "{layer.name}", blob {index}, is {shape_text(values.shape)} there, but '
                f"{shape_text(blob.shape)} in {net_path}. Is it another net's caffemodel? Rename the layer to train it "
                "from scratch."
            )
        with torch.no_grad():
            blob.copy_(torch.from_numpy(values.reshape(tuple(blob.shape))))
