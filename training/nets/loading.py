"""Copies the weights of a caffemodel into a net, layer by layer, by the layers' names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import torch

from caffe_io.blobs import Array, same_shape
from caffe_io.errors import WeightsError
from caffe_io.weights import batch_norm_of_fork, read_weights
from common.messages import shape_text

from ..layers import Layer
from .parameters import LearnableParameter


def load_weights(
    path: str | os.PathLike[str], layers: Sequence[Layer], parameters: Sequence[LearnableParameter], net_path: str
) -> list[str]:
    """Copy the weights of a caffemodel to the `layers` of the same names; return those names.

    `parameters` says which weights each layer owns. Raises WeightsError if a blob's shape differs, or if no name matches.
    """
    given = read_weights(path)
    learning = [layer for layer in layers if layer.blobs]
    copied = []
    for layer in learning:
        if layer.name in given:
            owned = {parameter.index for parameter in parameters if parameter.layer == layer.name}
            _copy(layer, given[layer.name], owned, str(path), net_path)
            copied.append(layer.name)
    if learning and not copied:
        raise WeightsError(
            f"{path}: has weights of {', '.join(list(given)[:8])}, but the net's layers are called "
            f"{', '.join(layer.name for layer in learning)}. Is it another net's caffemodel?"
        )
    return copied


def _copy(layer: Layer, given: Sequence[Array], owned: Collection[int], path: str, net_path: str) -> None:
    missing = {i for i in range(len(layer.blobs)) if i >= len(given) or not given[i].size}
    if layer.param.type == "BatchNorm" and (fork := batch_norm_of_fork(given)):
        raise WeightsError(f'{path}: layer "{layer.name}" {fork}')
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
